import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { peerIdFromPublicKey } from '../../src/base/ids.ts'
import { closest, compareDistance } from '../../src/kad/distance.ts'
import { KEYS_MAX, KeyPartitions } from '../../src/kad/key-partitions.ts'
import { kadIdOfKey, kadIdOfPeer } from '../../src/kad/node-id.ts'
import { isPartitionCount, partitionOf, partitionPoint } from '../../src/kad/partition.ts'

const id = fc.uint8Array({ minLength: 32, maxLength: 32 })
const count = fc.integer({ min: 0, max: 16 }).map((bits) => 2 ** bits)

function asNumber(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
}

describe('Kademlia identifiers', () => {
  it('are sha256 of the peer id’s multihash and of the key', () => {
    const peer = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
    const digest = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')
    const key = peerIdFromPublicKey(new Uint8Array(32).fill(7))
    const multihash = Uint8Array.from([0, 0x24, 8, 1, 0x12, 0x20, ...new Uint8Array(32).fill(7)])
    assert.equal(Buffer.from(kadIdOfPeer(key)).toString('hex'), digest(multihash))
    assert.equal(Buffer.from(kadIdOfKey('näme')).toString('hex'), digest('näme'))
    assert.equal(kadIdOfPeer(peer).length, 32)
  })

  it('compare by XOR distance as unsigned numbers', () => {
    fc.assert(
      fc.property(id, id, id, (target, a, b) => {
        const distance = (x: Uint8Array) => asNumber(target) ^ asNumber(x)
        const order = distance(a) < distance(b) ? -1 : distance(a) > distance(b) ? 1 : 0
        assert.equal(Math.sign(compareDistance(target, a, b)), order)
      }),
    )
  })

  it('closest gives the nearest first, at most as many as asked for', () => {
    fc.assert(
      fc.property(id, fc.array(id, { maxLength: 20 }), fc.nat({ max: 25 }), (target, ids, n) => {
        const near = closest(target, ids, n, (each) => each)
        assert.equal(near.length, Math.min(n, ids.length))
        const all = ids.toSorted((a, b) => compareDistance(target, a, b))
        assert.deepEqual(near, all.slice(0, n))
      }),
    )
  })
})

describe('partitions', () => {
  it('of keys used before are those of keys seen anew, whatever was forgotten or how many there are', () => {
    const partitions = new KeyPartitions()
    for (const parts of [16, 16, 256, 16]) {
      for (let i = 0; i < KEYS_MAX + 100; i += parts === 256 ? 1 : 97) {
        const expected = partitionOf(kadIdOfKey(`k${i}`), parts)
        assert.equal(partitions.of(`k${i}`, parts), expected)
        assert.equal(partitions.of(`k${i}`, parts), expected)
      }
    }
    assert.ok(partitions.size <= KEYS_MAX)
  })

  it('are named by the first bits of an id', () => {
    fc.assert(
      fc.property(id, count, (kad, partitions) => {
        const index = partitionOf(kad, partitions)
        assert.equal(BigInt(index), (asNumber(kad) * BigInt(partitions)) >> 256n)
        assert.equal(partitionOf(partitionPoint(index, partitions), partitions), index)
      }),
    )
  })

  it('split in two without moving a key to a strange part', () => {
    fc.assert(
      fc.property(
        id,
        fc.integer({ min: 0, max: 15 }).map((bits) => 2 ** bits),
        (kad, partitions) => {
          assert.equal(partitionOf(kad, partitions * 2) >> 1, partitionOf(kad, partitions))
        },
      ),
    )
  })

  it('are a power of two, at most 65 536', () => {
    for (const good of [1, 2, 256, 65_536]) assert.ok(isPartitionCount(good))
    for (const bad of [0, -1, 3, 255, 131_072, 0.5, Number.NaN]) assert.ok(!isPartitionCount(bad))
  })
})
