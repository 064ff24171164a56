/** What it costs to write and to read a message of usual size: `node test/bench/codec.ts`. */
import { WireReader, WireWriter } from '../../src/wire/codec.ts'

const RUNS = 300_000
const ROUNDS = 3
const value = new Uint8Array(100)
const dots = [
  'abcdefghijklmnopqrstuvwx2a',
  'bbcdefghijklmnopqrstuvwx2a',
  'cbcdefghijklmnopqrstuvwx2a',
]

function encode(): Uint8Array {
  return new WireWriter()
    .uint(7)
    .string('some/key/of/store')
    .bytes(value)
    .uint(1_800_000_000_000)
    .list(dots, (out, dot) => out.string(dot).uint(12))
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

function nsOf(run: () => unknown): number {
  const start = performance.now()
  for (let i = 0; i < RUNS; i++) run()
  return Math.round(((performance.now() - start) * 1e6) / RUNS)
}

const bytes = encode()
for (let round = 0; round < ROUNDS; round++) {
  console.log(`encode ${nsOf(encode)} ns, decode ${nsOf(() => decode(bytes))} ns`)
}
