/**
 * Lifeguard §5, false positives: members that were well all the time are called dead, because
 * others are slow. FP counts every such event at anybody; FP− those at members that were well
 * themselves. One event is one member's list that changes.
 */
import { numberOf } from '../../bench/harness/table.ts'
import { Cluster } from '../cluster.ts'
import type { Experiment, Run, Scale } from './experiment.ts'
import { agrees, byEffort, UNKNOWN } from './experiment.ts'
import { groupBy, sum } from './samples.ts'
import type { Spells } from './slow-members.ts'
import { pickSlow, runSlow } from './slow-members.ts'
import { coreOf, profileOf, variant } from './variants.ts'

export interface Case {
  readonly members: number
  readonly variant: string
  readonly spells: Spells
  readonly forMs: number
}

export interface Measured {
  readonly fp: number
  readonly fpHealthy: number
  /** Suspicions of members that were well, as every other member saw them. */
  readonly suspicions: number
}

const VARIANTS = ['SWIM', 'LHA-Probe', 'LHA-Suspicion', 'Buddy System', 'Lifeguard', 'atoll']
/** FP and FP− in per cent of SWIM's. */
const PUBLISHED: Readonly<Record<string, readonly [string, string]>> = {
  SWIM: ['100', '100'],
  Lifeguard: ['1–2', '≈ 2'],
  atoll: ['≈ 5', UNKNOWN],
}

export const falsePositives: Experiment<Case, Measured> = {
  name: 'false-positives',
  title: 'False positives while some members are slow',
  source:
    'Lifeguard (arXiv 1707.00788) §5; 50–100 times fewer FP, FP− about 2 %, α = 4: 20 times fewer',
  setUp: [
    'as there: 128 members for 120 s; C of them slow together for D, well for I, again and again',
    'as there: α = 5, β = 6 (1 without LHA-Suspicion), K = 3, S = 8 (1 without LHA-Probe)',
    'slow: what it sends and what is sent to it waits until the end of the spell; its timers go on',
    'here: C ∈ {1, 4, 8, 16, 32}, (D, I) ∈ {(16.384, 16.384), (32.768, 1.024)} s, of the paper’s larger grid',
    'atoll: the LAN profile, α = 4, with all of Lifeguard',
  ],
  cases: (scale) => {
    const members = scale.members ?? byEffort(scale, { tiny: 24, quick: 128, full: 128 })
    const names = byEffort(scale, {
      tiny: ['SWIM', 'Lifeguard', 'atoll'],
      quick: VARIANTS,
      full: VARIANTS,
    })
    const forMs = byEffort(scale, { tiny: 40_000, quick: 60_000, full: 120_000 })
    return spellsOf(scale).flatMap((spells) =>
      names.map((name) => ({ members, variant: name, spells, forMs })),
    )
  },
  seeds: (scale) => byEffort(scale, { tiny: 1, quick: 1, full: 2 }),
  measure: measureFalsePositives,

  report: (runs) => {
    const rows = [...groupBy(runs, ({ of }) => of.variant)].map(([name, of]) => totals(name, of))
    const of = (name: string) => rows.find((row) => row.name === name) as Totals
    const [swim, lifeguard, ours] = [of('SWIM'), of('Lifeguard'), of('atoll')]
    const one = runs.filter((run) => run.of.variant === 'SWIM' && run.of.spells.count === 1)
    const byOne = sum(one.map(({ measured }) => measured.fp))
    return {
      head: ['', 'FP', '% of SWIM', 'published', 'FP−', '% of SWIM', 'published', 'suspicions'],
      rows: rows.map(({ name, fp, fpHealthy, suspicions }) => [
        name,
        numberOf(fp),
        percent(fp, swim.fp),
        PUBLISHED[name]?.[0] ?? UNKNOWN,
        numberOf(fpHealthy),
        percent(fpHealthy, swim.fpHealthy),
        PUBLISHED[name]?.[1] ?? UNKNOWN,
        numberOf(suspicions),
      ]),
      verdicts: [
        agrees(
          'SWIM calls members dead that are well, even when one alone is slow (§2)',
          swim.fp > 0 && (one.length === 0 || byOne > 0),
          `${numberOf(swim.fp)} events; ${numberOf(byOne)} with one slow member`,
        ),
        agrees(
          'Lifeguard has at least 50 times fewer FP',
          lifeguard.fp <= swim.fp / 50,
          `${numberOf(swim.fp)} → ${numberOf(lifeguard.fp)}`,
        ),
        agrees(
          'and FP− of about 2 % of SWIM’s, or fewer',
          lifeguard.fpHealthy <= 0.025 * swim.fpHealthy,
          `${numberOf(swim.fpHealthy)} → ${numberOf(lifeguard.fpHealthy)}`,
        ),
        agrees(
          'with α = 4 still 20 times fewer FP',
          ours.fp <= swim.fp / 20,
          `${numberOf(swim.fp)} → ${numberOf(ours.fp)}`,
        ),
        agrees(
          'each part alone makes it no worse',
          rows.every(({ fp }) => fp <= 1.05 * swim.fp),
          rows.map(({ name, fp }) => `${name}: ${numberOf(fp)}`).join(', '),
        ),
      ],
      plots: [
        {
          title: `False positives by the number of slow members (+ 1)`,
          x: { label: 'C', scale: 'log' },
          y: { label: 'FP + 1', scale: 'log' },
          series: rows.map(({ name, byCount }) => ({ name, points: byCount })),
        },
      ],
    }
  },
}

function spellsOf(scale: Scale): Spells[] {
  const counts = byEffort(scale, { tiny: [6], quick: [1, 16], full: [1, 4, 8, 16, 32] })
  const pairs = byEffort<readonly (readonly [number, number])[]>(scale, {
    tiny: [[16_384, 1024]],
    quick: [[16_384, 1024]],
    full: [
      [16_384, 16_384],
      [32_768, 1024],
    ],
  })
  return counts.flatMap((count) =>
    pairs.map(([slowMs, wellMs]) => ({ kind: 'blocked', count, slowMs, wellMs })),
  )
}

export async function measureFalsePositives(of: Case, seed: string): Promise<Measured> {
  const chosen = variant(of.variant)
  const profile = profileOf(chosen)
  const core = await coreOf(chosen)
  const cluster = new Cluster({ seed, size: of.members, joined: true, profile, core })
  cluster.run(15_000)
  const slow = pickSlow(cluster, of.spells.count)
  const slowNames = new Set([...slow].map((index) => cluster.at(index).name))
  const from = cluster.seen.length
  runSlow(cluster, slow, of.spells, of.forMs)
  const wrong = cluster.seen.slice(from).filter((event) => !slowNames.has(event.of))
  const dead = wrong.filter(({ kind }) => kind === 'dead')
  return {
    fp: dead.length,
    fpHealthy: dead.filter(({ by }) => !slowNames.has(by)).length,
    suspicions: wrong.filter(({ kind }) => kind === 'suspect').length,
  }
}

type Totals = ReturnType<typeof totals>

export function totals(name: string, runs: readonly Run<Case, Measured>[]) {
  const total = (key: keyof Measured) => sum(runs.map(({ measured }) => measured[key]))
  return {
    name,
    fp: total('fp'),
    fpHealthy: total('fpHealthy'),
    suspicions: total('suspicions'),
    byCount: [...groupBy(runs, ({ of }) => of.spells.count)].map(
      ([count, of]) => [count, 1 + sum(of.map(({ measured }) => measured.fp))] as const,
    ),
  }
}

function percent(part: number, whole: number): string {
  return whole === 0 ? UNKNOWN : numberOf((100 * part) / whole)
}
