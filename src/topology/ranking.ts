/**
 * Who is near to which partition, in numbers instead of byte arrays: the first 40 bits of the XOR
 * distance, of which a partition's point decides 16, above the member's index. Among 5000 members
 * two share 40 bits once in a hundred thousand clusters; then the index decides.
 */
import type { PeerId } from '../base/ids.ts'
import { kadIdOfPeer } from '../kad/node-id.ts'
import { PARTITIONS_MAX } from './limits.ts'

const LOW = 2 ** 24
const INDEX = 2 ** 13
/** Rankings kept: entries of all together. */
const KEPT_MAX = 4_000_000

export class Ranking {
  readonly #high: readonly number[]
  readonly #low: readonly number[]
  readonly #scale: number
  readonly #kept = new Map<number, readonly number[]>()

  constructor(peers: readonly PeerId[], partitions: number) {
    const ids = peers.map(kadIdOfPeer)
    this.#high = ids.map((id) => ((id[0] ?? 0) << 8) | (id[1] ?? 0))
    this.#low = ids.map((id) => ((id[2] ?? 0) << 16) | ((id[3] ?? 0) << 8) | (id[4] ?? 0))
    this.#scale = PARTITIONS_MAX / partitions
  }

  /** All members, nearest to the partition first. */
  nearestTo(partition: number): readonly number[] {
    const kept = this.#kept.get(partition)
    if (kept !== undefined) return kept
    const order = sortedBy(this.#high.length, (member) => this.#distance(partition, member))
    if ((this.#kept.size + 1) * order.length <= KEPT_MAX) this.#kept.set(partition, order)
    return order
  }

  /** The given members, nearest to the partition first. */
  sorted(partition: number, members: readonly number[]): readonly number[] {
    return members.toSorted(
      (a, b) => this.#distance(partition, a) - this.#distance(partition, b) || a - b,
    )
  }

  /** All partitions, those nearest to the member first. */
  slotsNearestTo(member: number, partitions: number): readonly number[] {
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    return this.farthestFirst(member, all).toReversed()
  }

  /** The given partitions, those farthest from the member first. */
  farthestFirst(member: number, partitions: readonly number[]): readonly number[] {
    return partitions.toSorted(
      (a, b) => this.#distance(b, member) - this.#distance(a, member) || b - a,
    )
  }

  #distance(partition: number, member: number): number {
    const high = (this.#high[member] ?? 0) ^ (partition * this.#scale)
    return high * LOW + (this.#low[member] ?? 0)
  }
}

/** 0 to count − 1 by key, ties by index; sorted as numbers, without calls back. */
function sortedBy(count: number, key: (index: number) => number): number[] {
  const keys = Float64Array.from({ length: count }, (_, index) => key(index) * INDEX + index)
  return Array.from(keys.sort(), (packed) => packed % INDEX)
}
