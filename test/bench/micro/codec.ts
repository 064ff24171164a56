/** What it costs to write and to read a message of usual size. */
import { WireReader, WireWriter } from '../../../src/wire/codec.ts'
import { type Bench, choose } from '../harness/bench.ts'
import type { Report } from '../harness/report.ts'
import { figure } from '../harness/results.ts'
import type { Section } from '../harness/section.ts'

const ROUNDS = 5
const VALUE = new Uint8Array(100)
const DOTS = [
  'abcdefghijklmnopqrstuvwx2a',
  'bbcdefghijklmnopqrstuvwx2a',
  'cbcdefghijklmnopqrstuvwx2a',
]

export const codecSection: Section = {
  name: 'codec',
  title: 'A message of 100 bytes and three dots: to write, to read',
  needs: [],
  systems: [],
  run: (bench: Bench, report: Report) => {
    const runs = choose(bench, 300_000, 100_000)
    const bytes = encode()
    const works = { encode, decode: () => decode(bytes) }
    for (const [what, work] of Object.entries(works)) {
      nsOf(work, runs)
      const rounds = Array.from({ length: ROUNDS }, () => nsOf(work, runs))
      report.row({ what, setting: 'one message', figures: { time: figure('ns', 'less', rounds) } })
    }
    return Promise.resolve()
  },
}

function encode(): Uint8Array {
  return new WireWriter()
    .uint(7)
    .string('some/key/of/store')
    .bytes(VALUE)
    .uint(1_800_000_000_000)
    .list(DOTS, (out, dot) => out.string(dot).uint(12))
    .bool(true)
    .finish()
}

function decode(bytes: Uint8Array): unknown {
  const from = new WireReader(bytes)
  return [
    from.uint(),
    from.string(100),
    from.bytes(1000),
    from.uint(),
    from.list(10, (each) => [each.string(64), each.uint()]),
    from.bool(),
  ]
}

function nsOf(run: () => unknown, runs: number): number {
  const start = performance.now()
  for (let i = 0; i < runs; i++) run()
  return ((performance.now() - start) * 1e6) / runs
}
