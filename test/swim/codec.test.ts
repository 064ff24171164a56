import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AtollError } from '../../src/base/errors.ts'
import {
  claimBytes,
  decodeFrame,
  decodePushPull,
  encodeFrame,
  encodePushPull,
  recordBytes,
} from '../../src/swim/codec.ts'
import { checkedFacts } from '../../src/swim/facts.ts'
import {
  ACCUSATIONS_MAX,
  FACTS_BYTES_MAX,
  INCARNATION_MAX,
  RUMOUR_BYTES_MAX,
  RUMOURS_MAX,
  TAGS_BYTES_MAX,
  WANTS_MAX,
} from '../../src/swim/limits.ts'
import type { SwimMessage } from '../../src/swim/messages.ts'
import { WireError, WireWriter } from '../../src/wire/codec.ts'
import { factsOf } from './cluster.ts'

const peer = fc.string({ minLength: 1, maxLength: 20 }).filter((id) => id.isWellFormed())
const claim = fc
  .record({
    id: peer,
    state: fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const, 'left' as const),
    incarnation: fc.integer({ min: 0, max: INCARNATION_MAX }),
    version: fc.nat(),
    storageId: fc.constantFrom('', factsOf(0).storageId),
    accusations: fc.array(fc.record({ by: peer, strong: fc.boolean() }), {
      maxLength: ACCUSATIONS_MAX,
    }),
  })
  .map((each) => ({ ...each, version: Math.min(each.version, each.incarnation) }))
const text = fc.string({ maxLength: 30 }).filter((each) => each.isWellFormed())
const facts = fc
  .record({
    name: text,
    zone: text,
    role: fc.constantFrom('member' as const, 'edge' as const),
    boot: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    capacity: fc.integer({ min: 0, max: 1000 }),
    addresses: fc.array(text, { maxLength: 16 }),
    tags: fc.dictionary(text, text),
  })
  .map((each) => ({ ...each, storageId: each.role === 'edge' ? '' : factsOf(0).storageId }))
const record = fc.record({ claim, facts })
const seq = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const rumours = fc.array(claim, { maxLength: 8 })
const message: fc.Arbitrary<SwimMessage> = fc.oneof(
  fc.record({ kind: fc.constantFrom('ping' as const, 'ack' as const), seq, rumours }),
  fc.record({ kind: fc.constant('ping-req' as const), seq, target: peer }),
  fc.record({ kind: fc.constant('nack' as const), seq }),
  fc.record({ kind: fc.constant('gossip' as const), rumours }),
  fc.record({ kind: fc.constant('want' as const), ids: fc.array(peer, { maxLength: WANTS_MAX }) }),
  fc.record({ kind: fc.constant('facts' as const), records: fc.array(record, { maxLength: 3 }) }),
)

/** Objects with and without prototype are told apart by deepEqual; their JSON is not. */
const same = (a: unknown, b: unknown) => assert.equal(JSON.stringify(a), JSON.stringify(b))

describe('swim codec', () => {
  it('reads what it wrote', () => {
    fc.assert(
      fc.property(message, fc.maxSafeNat(), (written, digest) => {
        same(
          sorted(decodeFrame(encodeFrame(written, digest))),
          sorted({ digest, message: written }),
        )
      }),
    )
    fc.assert(
      fc.property(fc.array(claim), fc.array(record, { maxLength: 3 }), (claims, records) => {
        const read = decodePushPull(encodePushPull({ claims, records }, 5))
        same(sorted(read), sorted({ digest: 5, claims, records }))
      }),
    )
  })

  it('never underestimates sizes', () => {
    fc.assert(
      fc.property(record, (each) => {
        const alone = encodeFrame({ kind: 'facts', records: [each] }, 0).length
        assert.ok(alone - 3 <= recordBytes(each))
        const gossip = encodeFrame({ kind: 'gossip', rumours: [each.claim] }, 0).length
        assert.ok(gossip - 3 <= claimBytes({ ...each.claim, id: each.claim.id.padEnd(60, '€') }))
      }),
    )
  })

  it('rejects any garbage with WireError and nothing else', () => {
    const tolerant = (decode: (bytes: Uint8Array) => unknown) => (bytes: Uint8Array) => {
      try {
        decode(bytes)
      } catch (error) {
        assert.ok(error instanceof WireError, String(error))
      }
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), tolerant(decodeFrame)))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), tolerant(decodePushPull)))
    // Raw bytes seldom get far: cut and flip good messages too.
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), fc.nat(), (good, at, flip, length) => {
        const bytes = encodeFrame(good, 3)
        const where = at % bytes.length
        bytes[where] = (bytes[where] ?? 0) ^ flip
        tolerant(decodeFrame)(bytes.subarray(0, length % (bytes.length + 1)))
      }),
    )
  })

  it('rejects forged incarnations: above 2^52, up to 2^63 and beyond', () => {
    const forged = (write: (out: WireWriter) => void) => {
      const out = new WireWriter().uint(0).uint(4).uint(1).string('x').uint(0)
      write(out)
      return out.uint(0).string('').uint(0).finish()
    }
    assert.ok(decodeFrame(forged((out) => out.uint(INCARNATION_MAX))))
    assert.throws(() => decodeFrame(forged((out) => out.uint(INCARNATION_MAX + 1))), WireError)
    assert.throws(() => decodeFrame(forged((out) => out.uint(Number.MAX_SAFE_INTEGER))), WireError)
    // 2^63 as a varint, in place of the incarnation.
    const head = new WireWriter().uint(0).uint(4).uint(1).string('x').uint(0).finish()
    const bytes = [...head, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0, 0, 0]
    assert.throws(() => decodeFrame(Uint8Array.from(bytes)), WireError)
  })

  it('rejects a version above its incarnation', () => {
    const bytes = new WireWriter().uint(0).uint(4).uint(1).string('x').uint(0).uint(5).uint(6)
    assert.throws(() => decodeFrame(bytes.string('').uint(0).finish()), WireError)
  })

  it('rejects lists and texts over their limits', () => {
    const rumour = {
      id: 'x',
      state: 'alive',
      incarnation: 1,
      version: 1,
      storageId: '',
      accusations: [],
    } as const
    const many = (length: number) => Array.from({ length }, () => rumour)
    assert.ok(decodeFrame(encodeFrame({ kind: 'gossip', rumours: many(RUMOURS_MAX) }, 0)))
    const over: SwimMessage[] = [
      { kind: 'gossip', rumours: many(RUMOURS_MAX + 1) },
      { kind: 'want', ids: Array.from({ length: WANTS_MAX + 1 }, () => 'x') },
      { kind: 'ping-req', seq: 1, target: 'x'.repeat(65) },
      { kind: 'ping-req', seq: 1, target: '' },
      { kind: 'ping-req', seq: 2 ** 32, target: 'x' },
      recordWith({ name: 'x'.repeat(257) }),
      recordWith({ storageId: 'NOT BASE32' }),
      recordWith({ capacity: 1001 }),
      recordWith({ boot: 2 ** 32 }),
      recordWith({ addresses: Array.from({ length: 17 }, () => 'x') }),
      recordWith({ tags: { a: 'x'.repeat(TAGS_BYTES_MAX) } }),
      recordWith({ tags: { a: 'x'.repeat(9000), b: 'x'.repeat(9000) } }),
      recordWith({ tags: { ['k'.repeat(257)]: 'x' } }),
    ]
    for (const bad of over) assert.throws(() => decodeFrame(encodeFrame(bad, 0)), WireError)
  })

  it('takes tags of 16 KiB, and names of any kind', () => {
    const tags = { a: 'x'.repeat(TAGS_BYTES_MAX - 20), ['__proto__']: 'tag' }
    const read = decodeFrame(encodeFrame(recordWith({ tags }), 0)).message
    assert.ok(read.kind === 'facts')
    const back = read.records[0]?.facts.tags ?? {}
    assert.deepEqual(Object.entries(back), Object.entries(tags))
    assert.equal(Object.getPrototypeOf(back), null)
    assert.ok(encodeFrame(read, 0).length < FACTS_BYTES_MAX)
  })

  it('ignores what a later version adds at the end', () => {
    const bytes = encodeFrame({ kind: 'nack', seq: 9 }, 4)
    const longer = Uint8Array.from([...bytes, 1, 2, 3])
    assert.deepEqual(decodeFrame(longer), { digest: 4, message: { kind: 'nack', seq: 9 } })
  })

  it('keeps the limits of a message apart from those of one rumour', () => {
    const accusations = Array.from({ length: ACCUSATIONS_MAX }, (_, i) => ({
      by: `${i}`.repeat(60),
      strong: true,
    }))
    const largest = {
      id: 'x'.repeat(64),
      state: 'suspect',
      incarnation: INCARNATION_MAX,
      version: INCARNATION_MAX,
      storageId: factsOf(0).storageId,
      accusations,
    } as const
    assert.ok(claimBytes(largest) < RUMOUR_BYTES_MAX)
  })
})

describe('own facts', () => {
  it('are refused over their limits, with the limit named', () => {
    const bad = [
      { tags: { a: 'x'.repeat(TAGS_BYTES_MAX) } },
      { tags: { ['k'.repeat(257)]: '' } },
      { tags: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`${i}`, ''])) },
      { name: 'x'.repeat(257) },
    ]
    for (const change of bad) {
      assert.throws(
        () => checkedFacts({ ...factsOf(0), ...change }),
        (error) =>
          error instanceof AtollError && error.code === 'TOO_LARGE' && /\d/.test(error.message),
      )
    }
    assert.throws(
      () => checkedFacts({ ...factsOf(0), capacity: 1.5 }),
      (error) => error instanceof AtollError && error.code === 'USAGE',
    )
  })
})

function recordWith(change: Partial<ReturnType<typeof factsOf>>): SwimMessage {
  const alive = {
    id: 'x',
    state: 'alive',
    incarnation: 1,
    version: 1,
    storageId: '',
    accusations: [],
  } as const
  return { kind: 'facts', records: [{ claim: alive, facts: { ...factsOf(0), ...change } }] }
}

/** Keys in order, so that JSON can be compared. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  )
}
