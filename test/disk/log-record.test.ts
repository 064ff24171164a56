/** Records of the log as bytes: what is written comes back, and nothing else is believed. */
import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import type { Write } from '../../src/disk/database.ts'
import {
  BODY_BYTES_MAX,
  decodeRecord,
  encodeRecord,
  HEADER_BYTES,
  intactRecordAfter,
  writeBytesMax,
} from '../../src/disk/log-record.ts'

const aKey = fc.string({ unit: 'binary', maxLength: 20 })
const aValue = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null })
const aWrite: fc.Arbitrary<Write> = fc.record(
  { key: aKey, value: aValue },
  { noNullPrototype: true },
)
const someWrites = fc.array(aWrite, { maxLength: 8 })
const aSequence = fc.integer({ min: 1, max: 2 ** 48 - 1 })

/** The record with a header that fits whatever its body has become. */
function resealed(record: Uint8Array): Buffer {
  const buffer = Buffer.from(record)
  buffer.writeUInt32LE(buffer.length - HEADER_BYTES, 4)
  buffer.writeUInt32LE(crc32(buffer.subarray(4)), 0)
  return buffer
}

describe('log record', () => {
  it('gives back what was written, wherever it lies', () => {
    fc.assert(
      fc.property(someWrites, aSequence, fc.uint8Array({ maxLength: 30 }), (writes, n, around) => {
        const record = encodeRecord(n, writes)
        const file = Buffer.concat([around, record, around])
        const decoded = decodeRecord(file, around.length)
        assert.deepEqual(decoded, { sequence: n, writes, endOffset: around.length + record.length })
        const bound = writes.reduce((sum, write) => sum + writeBytesMax(write), 0)
        assert.ok(record.length <= HEADER_BYTES + bound)
      }),
    )
  })

  it('keeps the values after the file is gone', () => {
    const file = Buffer.from(encodeRecord(1, [{ key: 'k', value: new Uint8Array([1, 2]) }]))
    const decoded = decodeRecord(file, 0)
    file.fill(0)
    assert.deepEqual(decoded?.writes[0]?.value, new Uint8Array([1, 2]))
  })

  it('does not believe a record that was cut at any place', () => {
    fc.assert(
      fc.property(someWrites, (writes) => {
        const record = encodeRecord(7, writes)
        for (let end = 0; end < record.length; end++) {
          assert.equal(decodeRecord(record.subarray(0, end), 0), null)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('does not believe a record with any bit inverted', () => {
    fc.assert(
      fc.property(someWrites, (writes) => {
        const record = Buffer.from(encodeRecord(7, writes))
        for (let bit = 0; bit < record.length * 8; bit++) {
          record[bit >> 3] = (record[bit >> 3] ?? 0) ^ (1 << (bit & 7))
          assert.equal(decodeRecord(record, 0), null, `bit ${bit}`)
          record[bit >> 3] = (record[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        }
      }),
      { numRuns: 20 },
    )
  })

  it('says that a body with a good check is damaged, unless it can be read whole', () => {
    const change = fc.record({
      at: fc.nat(),
      put: fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        fc
          .constantFrom([0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0x80], [2], [0xc3])
          .map((of) => Uint8Array.from(of)),
      ),
      cut: fc.nat({ max: 6 }),
    })
    fc.assert(
      fc.property(
        fc.array(aWrite, { minLength: 1, maxLength: 4 }),
        change,
        (writes, { at, put, cut }) => {
          const buffer = Buffer.from(encodeRecord(7, writes))
          const body = buffer.subarray(HEADER_BYTES, Math.max(HEADER_BYTES, buffer.length - cut))
          body.set(put.subarray(0, body.length), at % Math.max(1, body.length - put.length + 1))
          const bad = resealed(Buffer.concat([buffer.subarray(0, HEADER_BYTES), body]))
          let decoded: ReturnType<typeof decodeRecord>
          try {
            decoded = decodeRecord(bad, 0)
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'DISK_DAMAGED')
            return
          }
          // It can be read: then it is the very body that such writes have.
          assert.deepEqual(Buffer.from(encodeRecord(7, decoded?.writes ?? [])), bad)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('never throws anything but DISK_DAMAGED, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat({ max: 90 }), (file, offset) => {
        assert.equal(decodeRecord(file, offset), null)
        intactRecordAfter(file, offset, 1)
      }),
    )
  })

  it('does not read, and does not write, a body over the bound', () => {
    const huge = Buffer.alloc(HEADER_BYTES + 8)
    huge.writeUInt32LE(0xffff_ffff, 4)
    huge.writeUInt16LE(0xa701, 14)
    assert.equal(decodeRecord(huge, 0), null)
    const value = new Uint8Array(BODY_BYTES_MAX)
    assert.throws(() => encodeRecord(1, [{ key: 'k', value }]), /longer than recovery believes/)
  })
})

describe('search for a record behind a bad one', () => {
  const record = (sequence: number) =>
    encodeRecord(sequence, [{ key: 'k', value: new Uint8Array(9) }])

  it('finds one behind any number of bad bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 60 }), (bad) => {
        bad[0] = 0xee
        assert.ok(intactRecordAfter(Buffer.concat([bad, record(8)]), 0, 7))
      }),
    )
  })

  it('is not fooled by the image of a record inside a torn one', () => {
    for (const sequence of [1, 6, 7, 7000, 2 ** 40]) {
      const value = new Uint8Array(Buffer.concat([record(sequence), new Uint8Array(9)]))
      const torn = encodeRecord(7, [{ key: 'k', value }]).subarray(0, -1)
      assert.equal(intactRecordAfter(torn, 0, 7), false, `image of ${sequence}`)
    }
  })

  it('takes no time over a value made of headers that lead nowhere', () => {
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32LE(2 ** 21, 4)
    header.writeUIntLE(2 ** 47, 8, 6)
    header.writeUInt16LE(0xa701, 14)
    const value = new Uint8Array(Buffer.alloc(4 * 1024 * 1024, header))
    const torn = encodeRecord(7, [{ key: 'k', value }]).subarray(0, -1)
    const start = performance.now()
    assert.equal(intactRecordAfter(torn, 0, 7), false)
    assert.ok(performance.now() - start < 2000)
  })
})
