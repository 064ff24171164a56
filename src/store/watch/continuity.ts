/**
 * Whether a stream can have missed something, by partition.
 *
 * Whatever is durable at a replica comes to the others, by anti-entropy at the latest. So a stream
 * misses nothing of a partition while one replica, a **keeper**, holds it from before the stream
 * began, and all that changed there since is or will be read. A replica whose memory of changes was
 * lost (it was restarted, or had too many of them), or that was filled or found later, is in doubt:
 * what it alone took in before may never be told by anybody. It keeps again when a keeper vouches
 * for it (vouching.ts). Where no keeper is left there is a gap: from then on a reader knows what a
 * list shows, so all that are followed keep. In other partitions doubts last: what one disk alone
 * has a list need not show.
 *
 * What an event costs is in proportion to the partitions that it is about.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Holders } from './holders.ts'

/** A disk that may not have told all. */
export interface Doubt {
  readonly id: StorageId
  /** By a keeper of them, the partitions in doubt. */
  readonly byKeeper: ReadonlyMap<StorageId, readonly number[]>
}

export class Continuity {
  #holders: Holders
  /** Disks whose changes are read from some point on. */
  readonly #followed = new Set<StorageId>()
  /** By disk that is followed: partitions of which it may not have told all; none is empty. */
  readonly #doubts = new Map<StorageId, Set<number>>()
  /** By disk, when it was doubted last: a vouching that began before says nothing. */
  readonly #turns = new Map<StorageId, number>()
  #turn = 0

  constructor(holders: Holders) {
    this.#holders = holders
  }

  /** Whether any partition lies at one of these disks. */
  isAnyAt(ids: ReadonlySet<StorageId>): boolean {
    return [...ids].some((id) => this.#holders.partitionsOf(id).length > 0)
  }

  /** True: there is a gap. These disks are followed, and those of them have told all since the beginning. */
  begin(found: ReadonlySet<StorageId>, whole: ReadonlySet<StorageId>): boolean {
    const doubtful = new Set<number>()
    for (const id of found) this.#followed.add(id)
    for (const id of this.#holders.disks()) {
      if (found.has(id) && whole.has(id)) continue
      const partitions = this.#holders.partitionsOf(id)
      for (const p of partitions) doubtful.add(p)
      if (found.has(id)) this.doubt(id, partitions)
    }
    return this.#look(doubtful)
  }

  /** True: there is a gap. What changes at the disk is read from now on; `isWhole`: and was before. */
  follows(id: StorageId, isWhole: boolean): boolean {
    this.#followed.add(id)
    const partitions = this.#holders.partitionsOf(id)
    if (isWhole) return false
    this.doubt(id, partitions)
    return this.#look(partitions)
  }

  /** True: there is a gap. Some of what changed at the disk is gone; it is followed from now on. */
  lost(id: StorageId): boolean {
    return this.came(id, this.#holders.partitionsOf(id))
  }

  /**
   * True: there is a gap. The disk tells of these from now on, and did not before. It may know a
   * later topology, in which it holds them: of a cursor it has not told all either.
   */
  came(id: StorageId, partitions: readonly number[]): boolean {
    this.doubt(id, partitions)
    const held = partitions.filter((p) => this.#holders.of(p).includes(id))
    return this.#look(held)
  }

  /** The disk may not have told all of these. Whether that is a gap is looked at later. */
  doubt(id: StorageId, partitions: readonly number[]): void {
    if (!this.#followed.has(id) || partitions.length === 0) return
    const doubted = this.#doubts.get(id) ?? new Set()
    for (const p of partitions) doubted.add(p)
    this.#doubts.set(id, doubted)
    this.#turns.set(id, ++this.#turn)
  }

  /** True: there is a gap. The disk is no member any more. */
  left(id: StorageId): boolean {
    this.#followed.delete(id)
    this.#doubts.delete(id)
    this.#turns.delete(id)
    return this.#look(this.#holders.partitionsOf(id))
  }

  /** True: there is a gap. */
  onHolders(holders: Holders): boolean {
    const before = this.#holders
    this.#holders = holders
    const changed = holders.changedSince(before)
    for (const [id, doubted] of this.#doubts) {
      const gone = [...doubted].filter((p) => !holders.of(p).includes(id))
      this.#clear(id, gone)
    }
    for (const p of changed) {
      for (const id of holders.of(p)) if (!before.of(p).includes(id)) this.doubt(id, [p])
    }
    return this.#look(changed)
  }

  /** Whether the disk has told all of what it holds. */
  isWhole(id: StorageId): boolean {
    return this.#followed.has(id) && !this.#doubts.has(id)
  }

  get isAnyInDoubt(): boolean {
    return this.#doubts.size > 0
  }

  /** The next attempt is another keeper's: one may be down, or have another clock. */
  doubts(attempt: number): readonly Doubt[] {
    return [...this.#doubts].map(([id, partitions]) => {
      const byKeeper = new Map<StorageId, number[]>()
      for (const p of partitions) {
        const keepers = this.#holders.of(p).filter((other) => this.keeps(other, p))
        const keeper = keepers[attempt % keepers.length]
        if (keeper !== undefined) byKeeper.set(keeper, [...(byKeeper.get(keeper) ?? []), p])
      }
      return { id, byKeeper }
    })
  }

  keeps(id: StorageId, partition: number): boolean {
    const isHere = this.#followed.has(id) && this.#holders.of(partition).includes(id)
    return isHere && this.#doubts.get(id)?.has(partition) !== true
  }

  /** Grows when the disk is doubted. */
  turnOf(id: StorageId): number {
    return this.#turns.get(id) ?? 0
  }

  /** A keeper vouches for the disk: it has told all of these, or others have. */
  trust(id: StorageId, partitions: readonly number[]): void {
    this.#clear(id, partitions)
  }

  #clear(id: StorageId, partitions: readonly number[]): void {
    const doubted = this.#doubts.get(id)
    if (doubted === undefined) return
    for (const p of partitions) doubted.delete(p)
    if (doubted.size === 0) this.#doubts.delete(id)
  }

  /** True: of one of these nobody keeps who did, and somebody can from now on. */
  #look(partitions: Iterable<number>): boolean {
    let isGap = false
    for (const p of partitions) {
      const holders = this.#holders.of(p)
      if (holders.some((id) => this.keeps(id, p))) continue
      const followed = holders.filter((id) => this.#followed.has(id))
      for (const id of followed) this.#clear(id, [p])
      // Of what nobody tells there is a gap when somebody does.
      isGap ||= followed.length > 0
    }
    return isGap
  }
}
