/**
 * `node test/sim/mutants.ts [--name NAME] [--seeds N]`: breaks one rule at a time and sees whether
 * the scenario notices, each in a process of its own. A mutant that survives all its seeds is a
 * hole in the tests; the exit status is 1. The scenarios do not know which mutant they hunt.
 */
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { MUTANTS } from './mutant-list.ts'
import type { Mutant } from './mutant-loader.ts'

const LOADER = new URL('./mutant-loader.ts', import.meta.url).href
const MAIN = new URL('./main.ts', import.meta.url).pathname

/** Unless the mutant shows in fewer. */
const SEEDS = 200

const { values } = parseArgs({
  options: {
    name: { type: 'string' },
    seeds: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
})

/** Seeds it took, or null when none noticed. */
async function hunt(mutant: Mutant): Promise<string | null> {
  const { scenario, name, within = SEEDS, also = [], ...patch } = mutant
  const args = ['--import', LOADER, MAIN, '--scenario', scenario, '--until-failure']
  const seeds = values.seeds ?? String(within)
  const child = spawn(process.execPath, [...args, '--seed', values.seed, '--seeds', seeds], {
    env: { ...process.env, ATOLL_MUTANT: JSON.stringify([patch, ...also]) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      output = (output + text).slice(-20_000)
    })
  }
  const status = await new Promise<number | null>((resolve) => {
    child.on('close', resolve)
  })
  if (status === 0) return null
  const failed = /^seed (\d+) \S+ FAILED/m.exec(output)
  if (status !== 1 || failed === null) throw new Error(`mutant ${name} did not run:\n${output}`)
  const why = /^\w*Error: .*$/m.exec(output)
  return `seed ${failed[1]}: ${why?.[0] ?? ''}`
}

let survivors = 0
for (const mutant of MUTANTS) {
  if (values.name !== undefined && mutant.name !== values.name) continue
  const killed = await hunt(mutant)
  if (killed === null) survivors++
  console.log(
    `${killed === null ? 'SURVIVED' : 'killed  '} ${mutant.name.padEnd(28)} ${killed ?? ''}`,
  )
}
process.exitCode = survivors === 0 ? 0 : 1
