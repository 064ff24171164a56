/** `npm run sim:swim`: see README.md beside this file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { environmentOf, environmentText } from '../../bench/harness/environment.ts'
import { svgOf } from '../../bench/harness/plot.ts'
import type { Arguments } from './arguments.ts'
import { parseArguments, USAGE, UsageError } from './arguments.ts'
import { EXPERIMENTS } from './experiments.ts'
import { plotFile, reportText } from './report-text.ts'
import type { Result } from './run.ts'
import { runAll } from './run.ts'

async function main(): Promise<number> {
  const names = EXPERIMENTS.map(({ name }) => name)
  const given = parseArguments(process.argv.slice(2), names)
  if (given.help) {
    console.log(USAGE)
    for (const { name, title } of EXPERIMENTS) console.log(`${name.padEnd(18)} ${title}`)
    return 0
  }
  const chosen = EXPERIMENTS.filter(
    ({ name }) => given.only.length === 0 || given.only.includes(name),
  )
  const startedAt = performance.now()
  const results = await runAll(chosen, given, given.seed, progress)
  progress('')
  const texts = [headText(given), ...results.map(reportText)]
  const tookS = Math.round((performance.now() - startedAt) / 1000)
  console.log(`${texts.join('\n\n')}\n`)
  const outDir = resolve(given.outDir ?? join(tmpdir(), 'sim-swim-results', stamp()))
  write(outDir, `${texts.join('\n\n')}\n`, results)
  console.log(`${tookS} s; results: ${outDir}`)
  return results.every(({ report }) => report.verdicts.every(({ holds }) => holds)) ? 0 : 1
}

function headText({ seed, effort }: Arguments): string {
  const environment = environmentOf(0, effort === 'quick', {})
  const [machine = '', commit = ''] = environmentText(environment).split('\n')
  return `# SWIM and Lifeguard, simulated\n\n${machine}\n${commit.replace('seed 0', `seed ${seed}`)}`
}

function write(outDir: string, text: string, results: readonly Result[]): void {
  mkdirSync(outDir, { recursive: true })
  writeFileSync(join(outDir, 'report.md'), text)
  writeFileSync(join(outDir, 'results.json'), `${JSON.stringify(results, null, 1)}\n`)
  for (const { name, report } of results) {
    for (const [i, plot] of report.plots.entries()) {
      writeFileSync(join(outDir, plotFile(name, i)), svgOf(plot))
    }
  }
}

/** One line that is written over, where somebody watches. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function stamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '-')
}

main().then(
  (status) => {
    process.exitCode = status
  },
  (error: unknown) => {
    console.error(error instanceof UsageError ? `${error.message}\n${USAGE}` : error)
    process.exitCode = error instanceof UsageError ? 2 : 1
  },
)
