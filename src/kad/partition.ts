/**
 * Partitions: the key space cut by prefix into `count` equal parts, a power of two. A later split
 * doubles the count and moves no key to a part that is not a child of its old one.
 */
import { assert } from '../base/assert.ts'
import { KAD_ID_BYTES, type KadId } from './node-id.ts'

export const PARTITIONS_MAX = 65_536

export function isPartitionCount(count: number): boolean {
  return count >= 1 && count <= PARTITIONS_MAX && Number.isInteger(Math.log2(count))
}

/** Index of the partition that an id lies in: its first bits. */
export function partitionOf(id: KadId, count: number): number {
  assert(isPartitionCount(count), 'the number of partitions is a power of two')
  const first = ((id[0] ?? 0) << 8) | (id[1] ?? 0)
  return first >>> (16 - Math.log2(count))
}

/** The first id of a partition: the point to which replicas are close. */
export function partitionPoint(index: number, count: number): KadId {
  assert(isPartitionCount(count), 'the number of partitions is a power of two')
  assert(index >= 0 && index < count, 'the partition exists')
  const first = index * (PARTITIONS_MAX / count)
  const point = new Uint8Array(KAD_ID_BYTES)
  point[0] = first >>> 8
  point[1] = first & 0xff
  return point
}
