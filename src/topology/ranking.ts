/**
 * Who is near to which partition, fast: a binary trie of the members' Kademlia ids (branches only
 * where ids differ), and a walk that takes the point's side first at every branch, which meets
 * them in order of distance. The three nearest of 5000 cost a few dozen steps.
 */
import type { PeerId } from '../base/ids.ts'
import { compareDistance } from '../kad/distance.ts'
import { KAD_ID_BYTES, type KadId, kadIdOfPeer } from '../kad/node-id.ts'
import { partitionPoint } from '../kad/partition.ts'
import { PARTITIONS_MAX } from './limits.ts'

const BITS = KAD_ID_BYTES * 8
const EMPTY = new Uint8Array(KAD_ID_BYTES)

/** A leaf is a member's index; a branch is where the ids below it first differ. */
type Trie = number | Branch
interface Branch {
  readonly bit: number
  readonly zero: Trie
  readonly one: Trie
}

export class Ranking {
  readonly #ids: readonly KadId[]
  readonly #trie: Trie
  readonly #points: readonly KadId[]
  readonly #scale: number

  /** There is at least one peer. */
  constructor(peers: readonly PeerId[], partitions: number) {
    this.#ids = peers.map(kadIdOfPeer)
    const order = peers
      .map((_, index) => index)
      .sort((a, b) => compareDistance(EMPTY, this.#id(a), this.#id(b)) || a - b)
    this.#trie = this.#build(order, 0)
    this.#points = Array.from({ length: partitions }, (_, i) => partitionPoint(i, partitions))
    this.#scale = PARTITIONS_MAX / partitions
  }

  /** The nearest member that `accepts`, asked in order of distance; null when none does. */
  find(partition: number, accepts: (member: number) => boolean): number | null {
    const point = this.#points[partition] ?? EMPTY
    return walk(this.#trie, point, accepts)
  }

  /** The given members, nearest to the partition first. */
  sorted(partition: number, members: readonly number[]): readonly number[] {
    const point = this.#points[partition] ?? EMPTY
    return members.toSorted((a, b) => compareDistance(point, this.#id(a), this.#id(b)) || a - b)
  }

  /** The given partitions, those nearest to the member first. Their points differ in 16 bits. */
  nearestSlots(member: number, partitions: readonly number[]): readonly number[] {
    const id = this.#id(member)
    const high = ((id[0] ?? 0) << 8) | (id[1] ?? 0)
    const scale = this.#scale
    return partitions.toSorted((a, b) => ((a * scale) ^ high) - ((b * scale) ^ high))
  }

  /** `order` is sorted by id and shares all bits before `from`. */
  #build(order: readonly number[], from: number): Trie {
    const [first = 0] = order
    const last = order.at(-1) ?? 0
    if (order.length <= 1) return first
    let bit = from
    while (bit < BITS && bitOf(this.#id(first), bit) === bitOf(this.#id(last), bit)) bit++
    // Two disks under one peer id: any order will do, as long as it is always the same.
    const firstOne = bit === BITS ? 1 : order.findIndex((member) => bitOf(this.#id(member), bit))
    const zero = this.#build(order.slice(0, firstOne), bit + 1)
    return { bit, zero, one: this.#build(order.slice(firstOne), bit + 1) }
  }

  #id(member: number): KadId {
    return this.#ids[member] ?? EMPTY
  }
}

function walk(trie: Trie, point: KadId, accepts: (member: number) => boolean): number | null {
  if (typeof trie === 'number') return accepts(trie) ? trie : null
  const isOne = bitOf(point, trie.bit)
  return (
    walk(isOne ? trie.one : trie.zero, point, accepts) ??
    walk(isOne ? trie.zero : trie.one, point, accepts)
  )
}

function bitOf(id: KadId, bit: number): boolean {
  return ((id[bit >>> 3] ?? 0) & (0x80 >>> (bit & 7))) !== 0
}
