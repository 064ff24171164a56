/** `npm run hostile`: real daemons under faults, their registers checked. See README.md. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { durable, straceMissing } from './durable.ts'
import { failOver } from './fail-over.ts'
import { FAULTS, type Fault } from './faults.ts'
import { growth } from './growth.ts'
import { Loopback } from './loopback.ts'
import { Namespaces, namespacesMissing } from './namespaces.ts'
import type { Network } from './network.ts'
import { storeHalves } from './store.ts'
import { trial } from './trial.ts'

const NETWORKS: readonly string[] = ['loopback', 'namespaces']
const PARTS: readonly string[] = ['faults', 'fail-over', 'growth', 'durable', 'store']
const USAGE = `npm run hostile -- [${PARTS.join('] [')}]
  [--size 3,5] [--on ${NETWORKS.join(',')}] [--seed N]
  [--only ${FAULTS.map(({ name }) => name).join(',')}]`

interface Setting {
  readonly on: string
  readonly size: number
  readonly seed: string
  readonly faults: readonly Fault[]
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function networkOf({ on, size }: { on: string; size: number }): Promise<Network> {
  return on === 'loopback' ? await Loopback.of(size) : new Namespaces(size)
}

async function faultsPart({ on, size, seed, faults: wanted }: Setting): Promise<boolean> {
  const faults = wanted.filter(({ cuts }) => on === 'namespaces' || cuts !== true)
  if (faults.length === 0) return true
  const historyFile = join(tmpdir(), `atoll-hostile-${on}-${size}-${process.pid}.jsonl`)
  const network = await networkOf({ on, size })
  const report = await trial({ network, size, seed, faults, say, historyFile })
  const codes = [...report.codes].map(([code, times]) => `${code} ${times}`).join(', ')
  const figures = [
    `${report.keys} keys linearizable`,
    `${report.acknowledged} changes acknowledged, ${report.unknown} unknown`,
    `longest answer of a daemon that nobody held ${Math.round(report.longestMs)} ms`,
    `errors: ${codes}`,
  ]
  say(figures.join('; '))
  if (report.void !== null) say(`VOID: ${report.void}`)
  return report.void === null
}

async function run(part: string, setting: Setting): Promise<boolean> {
  const { on, size, seed } = setting
  say(`— ${part}: ${size} daemons, ${on}, seed ${seed}`)
  try {
    if (part === 'faults') return await faultsPart(setting)
    const network = await networkOf(setting)
    if (part === 'fail-over') return await failOver(network, size, 3, say)
    if (part === 'store') return await storeHalves(network, say)
    return await (part === 'growth' ? growth(network, say) : durable(network, say))
  } catch (error) {
    say(`FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return false
  }
}

/** Some have sizes of their own. */
function sizesOf(part: string, sizes: readonly number[]): readonly number[] {
  if (part === 'growth') return [5]
  if (part === 'store') return [7]
  return part === 'durable' ? [3] : sizes
}

function missingFor(part: string, on: string): string | null {
  if (on === 'namespaces' && namespacesMissing() !== null) return namespacesMissing()
  if (on === 'loopback' && part === 'store') return 'it needs cuts'
  return part === 'durable' ? straceMissing() : null
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      size: { type: 'string', default: '3,5' },
      on: { type: 'string', default: NETWORKS.join(',') },
      only: { type: 'string' },
      seed: { type: 'string', default: String(Date.now()) },
      help: { type: 'boolean' },
    },
  })
  const only = values.only?.split(',')
  const faults = FAULTS.filter(({ name }) => only?.includes(name) ?? true)
  const networks = values.on.split(',')
  const strange = [
    ...networks.filter((name) => !NETWORKS.includes(name)),
    ...positionals.filter((name) => !PARTS.includes(name)),
  ]
  if (values.help === true || strange.length > 0 || faults.length === 0) {
    say(`usage: ${USAGE}`)
    process.exitCode = values.help === true ? 0 : 2
    return
  }
  let good = true
  for (const part of positionals.length === 0 ? PARTS : positionals) {
    for (const on of networks) {
      const missing = missingFor(part, on)
      if (missing !== null) {
        say(`— ${part} on ${on} is left out: ${missing}`)
        continue
      }
      for (const size of sizesOf(part, values.size.split(',').map(Number))) {
        good = (await run(part, { on, size, seed: values.seed, faults })) && good
      }
    }
  }
  say(good ? 'all held' : 'NOT all held')
  process.exitCode = good ? 0 : 1
}

// What runs ends with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
await main()
