/** Runs sections one after another on the systems that they name, and writes the results. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, OURS } from './bench.ts'
import { Children } from './children.ts'
import { type Environment, environmentText } from './environment.ts'
import { INSTALL, type Need } from './needs.ts'
import { Report } from './report.ts'
import type { Results, SectionResult } from './results.ts'
import { SeededRandom } from './seeded-random.ts'
import type { RunningSystem, Section, System } from './section.ts'
import { summaryOf } from './summary.ts'
import { sectionText } from './table.ts'

export interface RunOptions {
  readonly sections: readonly Section[]
  readonly systems: readonly System[]
  readonly environment: Environment
  readonly outDir: string
  readonly profile: boolean
  readonly children: Children
  /** Text for the reader, as it comes. */
  readonly print: (text: string) => void
  /** Progress, which may be thrown away. */
  readonly say: (text: string) => void
}

/**
 * What `--only` names: sections, or all that compare a system that is named; and systems, or all of
 * them. Ours is always among them: there are no ratios without it.
 */
export function selected(
  sections: readonly Section[],
  systems: readonly System[],
  only: readonly string[],
): { sections: Section[]; systems: System[] } {
  const named = new Set(only)
  const chosen = systems.filter(({ name }) => named.has(name))
  const comparing = (section: Section) => chosen.some(({ name }) => section.systems.includes(name))
  const some = sections.filter(({ name }) => named.has(name))
  return {
    sections:
      some.length > 0 ? some : sections.filter((each) => named.size === 0 || comparing(each)),
    systems: systems.filter(
      (each) => each.name === OURS || chosen.length === 0 || chosen.includes(each),
    ),
  }
}

export function missingOf(needs: readonly Need[]): Need[] {
  return needs.filter((need) => !need.present())
}

/** What is missing and what to type; empty when nothing is. */
export function missingText(needs: readonly Need[]): string {
  const missing = new Set(missingOf(needs).map(({ name }) => name))
  if (missing.size === 0) return ''
  return `missing here: ${[...missing].join(', ')}. On Debian: ${INSTALL}`
}

export async function runSections(options: RunOptions): Promise<Results> {
  const { sections, environment, outDir, print } = options
  mkdirSync(outDir, { recursive: true })
  const fleet = new Fleet(options)
  print(environmentText(environment))
  const done: SectionResult[] = []
  const results = (): Results => ({ format: 1, environment, sections: done })
  try {
    for (const section of sections) {
      const result = await runSection(section, fleet, options)
      done.push(result)
      print(sectionText(result))
      // Each time: a run that is broken off leaves what it had.
      writeFileSync(join(outDir, 'results.json'), `${JSON.stringify(results(), null, 1)}\n`)
      writeFileSync(join(outDir, 'ratios.md'), summaryOf(results()))
    }
  } finally {
    await fleet.stop()
  }
  return results()
}

async function runSection(
  section: Section,
  fleet: Fleet,
  options: RunOptions,
): Promise<SectionResult> {
  const report = new Report(section, options.outDir)
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  const missing = missingOf(section.needs)
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ')
    return report.result(0, `left out: ${names} missing. On Debian: ${INSTALL}`)
  }
  try {
    const bench = await fleet.benchFor(section, report)
    if (section.systems.length > 0 && bench.systems.size === 0) {
      return report.result(seconds(), 'left out: none of its systems can run here')
    }
    await section.run(bench, report)
    return report.result(seconds(), null)
  } catch (error) {
    // One section's failure must not cost the results of the others.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return report.result(seconds(), `failed: ${text}`)
  }
}

/** The systems that run now. */
class Fleet {
  readonly #options: RunOptions
  readonly #random: SeededRandom
  readonly #running = new Map<string, RunningSystem>()

  constructor(options: RunOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.environment.seed)
  }

  async benchFor(section: Section, report: Report): Promise<Bench> {
    await this.#stopAllBut(section.systems)
    const wanted = this.#options.systems.filter(({ name }) => section.systems.includes(name))
    await Promise.all(wanted.map((system) => this.#start(system, report)))
    const systems = new Map<string, RunningSystem>()
    for (const name of section.systems) {
      const running = this.#running.get(name)
      if (running !== undefined) systems.set(name, running)
    }
    return this.#bench(systems)
  }

  async stop(): Promise<void> {
    await this.#stopAllBut([])
  }

  /** A peer that does not start is left out; without ours there is nothing to say. */
  async #start(system: System, report: Report): Promise<void> {
    if (this.#running.has(system.name)) return
    const missing = missingText(system.needs)
    if (missing !== '') return report.note(`${system.title}: ${missing}`)
    this.#options.say(`starting ${system.title}`)
    try {
      this.#running.set(system.name, await system.start(this.#bench(new Map())))
    } catch (error) {
      if (system.name === OURS) throw error
      report.note(`${system.title} did not start, left out: ${String(error)}`)
    }
  }

  #bench(systems: ReadonlyMap<string, RunningSystem>): Bench {
    const { environment, children, outDir, profile, say } = this.#options
    const { quick, seed } = environment
    return { quick, seed, random: this.#random, children, outDir, profiling: profile, systems, say }
  }

  async #stopAllBut(names: readonly string[]): Promise<void> {
    for (const [name, running] of this.#running) {
      if (names.includes(name)) continue
      this.#running.delete(name)
      await running.stop()
    }
  }
}
