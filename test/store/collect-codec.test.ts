import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  COLLECT_KEYS_MAX,
  type CollectRequest,
  decodeCollectRequest,
  decodeConfirmation,
  encodeCollectRequest,
  encodeConfirmation,
} from '../../src/store/collect/collect-messages.ts'
import { deadOf, deadRow, expiryOf, expiryRow } from '../../src/store/collect/index-rows.ts'
import { WireError } from '../../src/wire/codec.ts'
import { describeFormats, format } from '../wire/format.ts'

const numbers = fc.integer({ min: 0, max: 2 ** 40 })
const keys = fc.string({ minLength: 1, maxLength: 12 })
const hashes = fc.uint8Array({ minLength: 16, maxLength: 16 })
const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>

describeFormats('codec of collection', [
  format(
    'request of a collector',
    plain({
      topology: numbers,
      partition: fc.nat({ max: 65_535 }),
      cfg: numbers,
      round: fc.integer({ min: 1, max: 2 ** 40 }),
      doomed: fc.array(plain({ key: keys, hash: hashes }), { maxLength: 5 }),
    }),
    encodeCollectRequest,
    decodeCollectRequest,
  ),
  format(
    'confirmation',
    fc.oneof(
      plain({ kind: fc.constant('past' as const), round: numbers }),
      plain({
        kind: fc.constant('took-part' as const),
        confirmed: fc.array(fc.boolean(), { maxLength: 9 }),
      }),
    ),
    encodeConfirmation,
    decodeConfirmation,
  ),
])

describe('bounds of the messages of collection', () => {
  const request = { topology: 1, partition: 0, cfg: 1, round: 1, doomed: [] }
  const doomed = { key: 'k', hash: new Uint8Array(16) }
  const refuses = (wrong: Partial<CollectRequest>): void => {
    const bytes = encodeCollectRequest({ ...request, ...wrong })
    assert.throws(() => decodeCollectRequest(bytes), WireError)
  }

  it('are of keys, hashes, rounds and partitions', () => {
    const most = Array.from({ length: COLLECT_KEYS_MAX }, () => doomed)
    assert.equal(
      decodeCollectRequest(encodeCollectRequest({ ...request, doomed: most })).doomed.length,
      COLLECT_KEYS_MAX,
    )
    refuses({ doomed: [...most, doomed] })
    refuses({ doomed: [{ ...doomed, key: '' }] })
    refuses({ doomed: [{ ...doomed, key: 'x'.repeat(1025) }] })
    refuses({ doomed: [{ ...doomed, hash: new Uint8Array(15) }] })
    refuses({ doomed: [{ ...doomed, hash: new Uint8Array(17) }] })
    refuses({ round: 0 })
    refuses({ partition: 65_536 })
    const confirmed = Array.from({ length: COLLECT_KEYS_MAX + 1 }, () => true)
    const answer = encodeConfirmation({ kind: 'took-part', confirmed })
    assert.throws(() => decodeConfirmation(answer), WireError)
  })
})

describe('rows beside the records', () => {
  it('name what they stand for, and sort as times do', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.nat({ max: 65_535 }), keys, (a, b, partition, key) => {
        assert.deepEqual(deadOf(deadRow(partition, key).key), { partition, key })
        const expiry = { atMs: a, partition, key }
        assert.deepEqual(expiryOf(expiryRow(expiry).key), expiry)
        const [x, y] = [a, b].map((atMs) => expiryRow({ ...expiry, atMs }).key)
        assert.equal(Math.sign(a - b), x === y ? 0 : (x ?? '') < (y ?? '') ? -1 : 1)
      }),
    )
  })
})
