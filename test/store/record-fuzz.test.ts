/**
 * The decoder of records, fed with records that are wrong in one place: the fields of a sound one,
 * of which one is changed, lost, doubled or moved. It refuses them with WireError, or reads them as
 * a record that is written as the same bytes.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  decodeRecord,
  encodeRecord,
  KINDS,
  type Element,
  type StoreRecord,
} from '../../src/store/record.ts'
import type { Sums } from '../../src/store/sums.ts'
import type { Dot } from '../../src/store/version-vector.ts'
import { WireError, WireWriter } from '../../src/wire/codec.ts'
import { contextOf, elementOf, recordOf, records, sumOf, writeOf } from './arbitrary.ts'

type Field = number | string | Uint8Array

/** The fields of an encoded record, in order. */
function fieldsOf({ known, siblings, elements, replaced }: StoreRecord): Field[] {
  const actors = [...known.vector.keys()].sort()
  const ofDot = ({ actor, n }: Dot): Field[] => [actors.indexOf(actor), n]
  const ofSums = (sums: Sums): Field[] => [
    sums.length,
    ...sums.flatMap(({ actor, start, n, total }) => [
      actors.indexOf(actor),
      start,
      n - start,
      Number(total < 0n),
      Number((total < 0n ? -total : total) / 2n ** 53n),
      Number((total < 0n ? -total : total) % 2n ** 53n),
    ]),
  ]
  return [
    2,
    known.vector.size,
    ...actors.flatMap((actor) => [actor, known.vector.get(actor) ?? 0]),
    known.dots.length,
    ...known.dots.flatMap(({ actor, n }) => [actor, n]),
    ...ofSums(known.sums),
    siblings.length,
    ...siblings.flatMap(({ dot, stamp, expiresAtMs, kind, value }) => [
      ...ofDot(dot),
      stamp,
      expiresAtMs,
      KINDS.indexOf(kind),
      value,
    ]),
    elements.length,
    ...elements.flatMap(({ dot, kind, value }) => [...ofDot(dot), kindNumber(kind), value]),
    ...ofSums(replaced),
  ]
}

function kindNumber(kind: Element['kind']): number {
  return ['bytes', 'text', 'json'].indexOf(kind)
}

function bytesOf(fields: readonly Field[]): Uint8Array {
  const out = new WireWriter()
  for (const field of fields) {
    if (typeof field === 'number') out.uint(field)
    else if (typeof field === 'string') out.string(field)
    else out.bytes(field)
  }
  return out.finish()
}

const numbers = fc.oneof(fc.nat({ max: 10 }), fc.maxSafeNat())
const fields: fc.Arbitrary<Field> = fc.oneof(
  { weight: 4, arbitrary: numbers },
  { weight: 1, arbitrary: fc.constantFrom('disk-a', 'disk-b', 'disk-z', '') },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 5 }) },
)

const changes = fc.oneof(
  fields.map((field) => (all: readonly Field[], at: number) => all.with(at, field)),
  fc.constant((all: readonly Field[], at: number) => all.toSpliced(at, 1)),
  fc.constant((all: readonly Field[], at: number) => all.toSpliced(at, 0, all[at] ?? 0)),
  fc.nat().map((other) => (all: readonly Field[], at: number) => {
    const to = other % all.length
    return all.with(at, all[to] ?? 0).with(to, all[at] ?? 0)
  }),
)

describe('the decoder of records', () => {
  it('reads the fields of sound records', () => {
    fc.assert(
      fc.property(records, (record) => {
        assert.deepEqual(bytesOf(fieldsOf(record)), encodeRecord(record))
      }),
    )
  })

  it('refuses a record that is wrong in one place, or keeps to what it read', () => {
    let refused = 0
    fc.assert(
      fc.property(records, changes, fc.nat(), (record, change, at) => {
        const sound = fieldsOf(record)
        const bytes = bytesOf(change(sound, at % sound.length))
        let read: StoreRecord
        try {
          read = decodeRecord(bytes)
        } catch (error) {
          assert.ok(error instanceof WireError, String(error))
          refused++
          return
        }
        const written = encodeRecord(read)
        // A number may be written longer than need be; nothing else has two forms.
        if (written.length === bytes.length) assert.deepEqual(written, bytes)
        assert.deepEqual(decodeRecord(written), read)
      }),
      { numRuns: 3000 },
    )
    assert.ok(refused > 1000, `${refused} were refused`)
  })
})

describe('records of counters and sets', () => {
  const vector = new Map([
    ['disk-a', 6],
    ['disk-b', 6],
  ])
  const known = contextOf(vector)
  const a = (n: number) => ({ actor: 'disk-a', n })
  const refused = (change: Partial<StoreRecord>): void => {
    const bytes = encodeRecord({ ...recordOf(known, [writeOf(a(1))]), ...change })
    assert.throws(() => decodeRecord(bytes), WireError)
  }

  it('are refused when elements are out of order, twice there, or not known', () => {
    refused({ elements: [elementOf(a(6)), elementOf(a(3))] })
    refused({ elements: [elementOf(a(3)), elementOf(a(3))] })
    refused({ elements: [elementOf(a(9))] })
  })

  it('are refused when sums are out of order, or of writes that are not known', () => {
    const withSums = (...sums: Sums) => ({ known: { ...known, sums } })
    refused(withSums(sumOf('disk-b', 2), sumOf('disk-a', 2)))
    refused(withSums(sumOf('disk-a', 2), sumOf('disk-a', 3)))
    refused(withSums(sumOf('disk-a', 7)))
    refused(withSums({ actor: 'disk-a', start: 0, n: 1, total: 1n }))
  })

  it('are refused when more is replaced than is known, or something else', () => {
    const sums = [sumOf('disk-a', 3)]
    const counting = { known: { ...known, sums } }
    decodeRecord(encodeRecord({ ...recordOf(counting.known, []), replaced: [sumOf('disk-a', 2)] }))
    decodeRecord(encodeRecord({ ...recordOf(counting.known, []), replaced: sums }))
    refused({ ...counting, replaced: [{ ...sumOf('disk-a', 3), n: 4 }] })
    refused({ ...counting, replaced: [sumOf('disk-b', 2)] })
    refused({ ...counting, replaced: [{ ...sumOf('disk-a', 3), total: 77n }] })
    refused({ ...counting, replaced: [{ ...sumOf('disk-a', 3), start: 2 }] })
  })
})
