import assert from 'node:assert/strict'
import fc from 'fast-check'
import { WireError, WireReader, WireWriter } from '../../src/wire/codec.ts'

type Field =
  | { readonly kind: 'uint'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'list'; readonly value: readonly number[] }

const uint = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(127, 128, 2 ** 31, 2 ** 53 - 1))
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constant('\ufffd'),
)
const field: fc.Arbitrary<Field> = fc.oneof(
  uint.map((value) => ({ kind: 'uint', value }) as const),
  fc.boolean().map((value) => ({ kind: 'bool', value }) as const),
  fc.uint8Array({ maxLength: 500 }).map((value) => ({ kind: 'bytes', value }) as const),
  text.map((value) => ({ kind: 'string', value: value.toWellFormed() }) as const),
  fc.array(uint, { maxLength: 50 }).map((value) => ({ kind: 'list', value }) as const),
)

function write(fields: readonly Field[]): Uint8Array {
  const out = new WireWriter()
  for (const { kind, value } of fields) {
    if (kind === 'uint') out.uint(value)
    else if (kind === 'bool') out.bool(value)
    else if (kind === 'bytes') out.bytes(value)
    else if (kind === 'string') out.string(value)
    else out.list(value, (to, item) => to.uint(item))
  }
  return out.finish()
}

function read(from: WireReader, kind: Field['kind'], max = 10_000): unknown {
  if (kind === 'uint') return from.uint()
  if (kind === 'bool') return from.bool()
  if (kind === 'bytes') return from.bytes(max)
  if (kind === 'string') return from.string(max)
  return from.list(max, (each) => each.uint())
}

describe('wire codec', () => {
  it('reads what it wrote, in order, to the end', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const from = new WireReader(write(fields))
        for (const { kind, value } of fields) assert.deepEqual(read(from, kind), value)
        assert.ok(from.done)
      }),
    )
  })

  it('is protobuf’s encoding of varints, bytes and texts', () => {
    const out = new WireWriter().uint(300).bytes(Uint8Array.of(1, 2)).string('é').bool(true)
    assert.deepEqual([...out.finish()], [0xac, 0x02, 2, 1, 2, 2, 0xc3, 0xa9, 1])
  })

  it('notices every cut', () => {
    fc.assert(
      fc.property(field, fc.nat(), (one, cut) => {
        const whole = write([one])
        const from = new WireReader(whole.subarray(0, cut % whole.length))
        assert.throws(() => read(from, one.kind), WireError)
      }),
    )
  })

  it('throws nothing but WireError, whatever the bytes', () => {
    const kinds = fc.array(fc.constantFrom('uint', 'bool', 'bytes', 'string', 'list'))
    fc.assert(
      fc.property(fc.uint8Array(), kinds, (bytes, wanted) => {
        const from = new WireReader(bytes)
        try {
          for (const kind of wanted) read(from, kind, 20)
        } catch (error) {
          assert.ok(error instanceof WireError, String(error))
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('checks a length against its limit and against what is there before it allocates', () => {
    const huge = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2)
    assert.throws(() => new WireReader(huge).bytes(1000), /over the limit/)
    assert.throws(() => new WireReader(huge).bytes(2 ** 40), /cut short/)
    assert.throws(() => new WireReader(huge).string(1000), /over the limit/)
    assert.throws(() => new WireReader(huge).list(1000, (each) => each.uint()), /over the limit/)
    assert.equal(new WireReader(write([{ kind: 'string', value: 'abc' }])).string(3), 'abc')
    assert.throws(() => new WireReader(write([{ kind: 'string', value: 'abc' }])).string(2))
    assert.throws(() => new WireReader(Uint8Array.of(5)).uint(4), /over its limit/)
  })

  it('refuses numbers of more than 53 bits, and truths that are neither', () => {
    const wide = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f)
    assert.throws(() => new WireReader(wide).uint(), /53 bits/)
    assert.throws(() => new WireReader(new Uint8Array(10).fill(0x80)).uint(), /53 bits/)
    assert.throws(() => new WireReader(Uint8Array.of(2)).bool(), WireError)
    assert.throws(() => new WireWriter().uint(2 ** 53), WireError)
    assert.throws(() => new WireWriter().uint(-1), WireError)
    assert.throws(() => new WireWriter().uint(Number.NaN), WireError)
  })

  it('refuses text that is not UTF-8, short and long', () => {
    for (const length of [1, 200]) {
      const bytes = new WireWriter().bytes(new Uint8Array(length).fill(0xff)).finish()
      assert.throws(() => new WireReader(bytes).string(1000), /UTF-8/)
    }
  })

  it('returns views, and does not look beyond the message it was given', () => {
    const around = new Uint8Array(64).fill(0x41)
    around.set(
      new WireWriter()
        .bytes(Uint8Array.of(1, 2, 3))
        .string('hi')
        .finish(),
      10,
    )
    const from = new WireReader(around.subarray(10, 17))
    const view = from.bytes(10)
    assert.equal(view.buffer, around.buffer)
    assert.deepEqual([...view], [1, 2, 3])
    assert.equal(from.string(10), 'hi')
    assert.ok(from.done)
    assert.throws(() => from.uint(), /cut short/)
  })
})
