/**
 * `npm run sim -- [--seed N] [--seeds M] [--scenario NAME|all] [--until-failure] [--trace FILE]`
 *
 * Runs M seeds beginning at N (by default one that nobody chose) and prints a line for each. A
 * failing seed prints what happened before and the command that repeats it; the exit status is 1.
 */
import { randomInt } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Scenario, ScenarioReport } from './scenario.ts'
import { DEFAULT_SCENARIO, SCENARIOS } from './scenarios.ts'
import type { TraceSink } from './trace.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    scenario: { type: 'string', default: DEFAULT_SCENARIO },
    trace: { type: 'string' },
    'until-failure': { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})

async function main(): Promise<number> {
  if (values.list) {
    for (const { name, about } of SCENARIOS) console.log(`${name.padEnd(12)} ${about}`)
    return 0
  }
  const chosen = SCENARIOS.filter(
    ({ name }) => values.scenario === 'all' || name === values.scenario,
  )
  const first = values.seed === undefined ? randomInt(1_000_000_000) : Number(values.seed)
  const count = Number(values.seeds)
  if (chosen.length === 0 || !Number.isSafeInteger(first) || !Number.isSafeInteger(count)) {
    console.error(
      `usage: --seed N --seeds M --scenario ${SCENARIOS.map(({ name }) => name).join('|')}|all`,
    )
    return 2
  }
  const total = count * chosen.length
  let ran = 0
  let failed = 0
  for (let seed = first; seed < first + count; seed++) {
    for (const scenario of chosen) {
      if (!(await runSeed(scenario, seed))) failed++
      ran++
    }
    if (failed > 0 && values['until-failure']) break
  }
  if (total > 1) {
    const left = ran === total ? '' : `; stopped: ${total - ran} of ${total} did not run`
    console.log(`${ran - failed} of ${ran} passed${left}`)
  }
  return failed === 0 ? 0 : 1
}

async function runSeed(scenario: Scenario, seed: number): Promise<boolean> {
  const start = performance.now()
  let story: () => readonly string[] = () => []
  const sink = values.trace === undefined ? null : traceTo(values.trace)
  try {
    const report = await scenario.run({
      seed: String(seed),
      trace: sink?.write ?? null,
      onFailure: (lines) => {
        story = lines
      },
    })
    console.log(summary(scenario, seed, report, performance.now() - start))
    return true
  } catch (error) {
    for (const line of story()) console.error(line)
    console.error(error)
    console.error(`seed ${seed} ${scenario.name} FAILED; to repeat it:`)
    console.error(`  npm run sim -- --scenario ${scenario.name} --seed ${seed}`)
    return false
  } finally {
    sink?.close()
  }
}

function summary(scenario: Scenario, seed: number, report: ScenarioReport, tookMs: number): string {
  const simulatedS = report.simulatedMs / 1000
  return [
    `seed ${seed} ${scenario.name}`,
    `trace ${report.traceHash}`,
    `${simulatedS.toFixed(1)} s simulated`,
    `${report.operations} ops`,
    `${report.faults} faults`,
    `${report.events} events`,
    `${(tookMs / 1000).toFixed(1)} s (${(simulatedS / (tookMs / 1000)).toFixed(0)}x)`,
    report.notes,
  ].join(' · ')
}

/** One line an event, in a file: to find where two runs of one seed part. */
function traceTo(path: string): { readonly write: TraceSink; readonly close: () => void } {
  const file = openSync(path, 'w')
  let pending: string[] = []
  const flush = (): void => {
    if (pending.length > 0) writeSync(file, `${pending.join('\n')}\n`)
    pending = []
  }
  return {
    write: (line) => {
      pending.push(line)
      if (pending.length >= 10_000) flush()
    },
    close: () => {
      flush()
      closeSync(file)
    },
  }
}

process.exitCode = await main()
