/**
 * Whether a stream can have missed something, by partition.
 *
 * Whatever is durable at a replica comes to the others, by anti-entropy at the latest. So what a
 * replica takes in is told if one other, a **keeper**, has told all since the stream began. What
 * lies there from before a reader has listed; but a list asks a majority, and may leave out what
 * the others have alone. So it takes **enough** keepers that a list cannot have left out all of
 * them, or one that is **proven**: it has held the same as so many (vouching.ts), so that all it
 * ever held was listed or told.
 *
 * A replica whose memory of changes was lost (it was restarted, or had too many of them), or that was
 * filled or found later, is in doubt: what it took in before may never be told by anybody. It
 * keeps again when a proven keeper vouches for it. Where the keepers do not suffice there is a gap:
 * readers list, and all that are followed keep from there on, unproven.
 *
 * What an event costs is in proportion to the partitions that it is about.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Standing } from './cursor.ts'
import type { Holders } from './holders.ts'
import { gathered, type Look, type LookAt } from './look.ts'
import { PartitionsByDisk } from './partitions-by-disk.ts'

export class Continuity {
  #holders: Holders
  readonly #enoughOfCursor: number
  /** Disks whose changes are read from some point on. */
  readonly #followed = new Set<StorageId>()
  /** Of which they may not have told all. */
  readonly #doubts = new PartitionsByDisk()
  /** Of which they have told all since the beginning, which is all that is known. */
  readonly #unproven = new PartitionsByDisk()
  /** How many keepers are enough where more held a partition, or may have, when readers listed last. */
  readonly #enoughThen = new Map<number, number>()
  /** By disk, when its standing fell last: answers that it gave before prove nothing. */
  readonly #turns = new Map<StorageId, number>()
  #turn = 0

  /** `enoughThen`: `enough` of the cursor that it goes on from. */
  constructor(holders: Holders, enoughThen = 0) {
    this.#holders = holders
    this.#enoughOfCursor = enoughThen
  }

  /** Whether any partition lies at one of these disks. */
  isAnyAt(ids: Iterable<StorageId>): boolean {
    return [...ids].some((id) => this.#holders.partitionsOf(id).length > 0)
  }

  /** True: there is a gap. These disks are followed. */
  begin(found: ReadonlyMap<StorageId, Standing>): boolean {
    const doubtful = new Set<number>()
    for (const id of found.keys()) this.#followed.add(id)
    for (const id of this.#holders.disks()) {
      const standing = found.get(id) ?? 'doubted'
      this.#stands(id, standing)
      if (standing !== 'doubted') continue
      for (const p of this.#holders.partitionsOf(id)) doubtful.add(p)
    }
    return this.#look(doubtful)
  }

  /** True: there is a gap. What changes at the disk is read from now on. */
  follows(id: StorageId, standing: Standing): boolean {
    this.#followed.add(id)
    this.#stands(id, standing)
    return standing === 'doubted' && this.#look(this.#holders.partitionsOf(id))
  }

  #stands(id: StorageId, standing: Standing): void {
    const partitions = this.#holders.partitionsOf(id)
    if (standing === 'doubted') this.doubt(id, partitions)
    if (standing !== 'heard') return
    this.#unproven.add(id, partitions)
    const enough = this.#enoughOfCursor
    for (const p of enough > 0 ? partitions : []) {
      if (enough > this.#holders.enough(p)) this.#enoughThen.set(p, enough)
    }
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
    this.#doubts.add(id, partitions)
    this.#unproven.remove(id, partitions)
    this.#turns.set(id, ++this.#turn)
  }

  /** True: there is a gap. The disk is no member any more. */
  left(id: StorageId): boolean {
    this.#followed.delete(id)
    this.#doubts.removeAll(id)
    this.#unproven.removeAll(id)
    this.#turns.delete(id)
    return this.#look(this.#holders.partitionsOf(id))
  }

  /** True: there is a gap. */
  onHolders(holders: Holders): boolean {
    const before = this.#holders
    const changed = holders.changedSince(before)
    for (const p of changed) {
      // A list that asked more may have left out more.
      const enough = this.#enough(p)
      if (enough > holders.enough(p)) this.#enoughThen.set(p, enough)
      else this.#enoughThen.delete(p)
    }
    this.#holders = holders
    for (const marks of [this.#doubts, this.#unproven]) {
      for (const [id, marked] of marks) {
        marks.remove(
          id,
          [...marked].filter((p) => !holders.of(p).includes(id)),
        )
      }
    }
    for (const p of changed) {
      for (const id of holders.of(p)) if (!before.of(p).includes(id)) this.doubt(id, [p])
    }
    return this.#look(changed)
  }

  /** Of all that the disk holds: the worst. */
  standingOf(id: StorageId): Standing {
    if (!this.#followed.has(id) || this.#doubts.hasAny(id)) return 'doubted'
    return this.#unproven.hasAny(id) ? 'heard' : 'proven'
  }

  /** So many keepers are enough of any partition: for a cursor. */
  get enoughOfAny(): number {
    return Math.max(this.#holders.enoughOfAny, ...this.#enoughThen.values())
  }

  /** Whether there is something to look at, now or later. */
  get isAnyUnproven(): boolean {
    return this.#doubts.size > 0 || this.#unproven.size > 0
  }

  /** The next attempt names another keeper: one may be down, or its clock be behind. */
  looks(attempt: number): readonly Look[] {
    const open = new Set([...this.#doubts.partitions(), ...this.#unproven.partitions()])
    return gathered([...open].flatMap((partition) => this.#looksAt(partition, attempt)))
  }

  #looksAt(partition: number, attempt: number): readonly LookAt[] {
    const followed = this.#followedOf(partition)
    const proven = followed.filter((id) => this.proves(id, partition))
    const keeper = proven[attempt % proven.length]
    if (keeper !== undefined) {
      const others = followed.filter((id) => !this.proves(id, partition))
      return others.map((id) => ({ partition, disks: [id], keeper, enough: 2 }))
    }
    const disks = followed.filter((id) => this.keeps(id, partition))
    const enough = this.#enough(partition)
    return disks.length < enough ? [] : [{ partition, disks, keeper: null, enough }]
  }

  #followedOf(partition: number): readonly StorageId[] {
    return this.#holders.of(partition).filter((id) => this.#followed.has(id))
  }

  /** As when readers listed last. */
  #enough(partition: number): number {
    return this.#enoughThen.get(partition) ?? this.#holders.enough(partition)
  }

  keeps(id: StorageId, partition: number): boolean {
    const isHere = this.#followed.has(id) && this.#holders.of(partition).includes(id)
    return isHere && !this.#doubts.has(id, partition)
  }

  proves(id: StorageId, partition: number): boolean {
    return this.keeps(id, partition) && !this.#unproven.has(id, partition)
  }

  /** Grows when the standing of the disk falls. */
  turnOf(id: StorageId): number {
    return this.#turns.get(id) ?? 0
  }

  /** The disks have held the same of these, since they stand as they do. */
  prove({ disks, keeper, partitions }: Look): void {
    const proven = partitions.filter((p) =>
      keeper === null ? disks.every((id) => this.keeps(id, p)) : this.proves(keeper, p),
    )
    for (const id of disks) {
      this.#doubts.remove(id, proven)
      this.#unproven.remove(id, proven)
    }
    for (const p of proven) {
      if (this.#holders.of(p).every((id) => this.proves(id, p))) this.#enoughThen.delete(p)
    }
  }

  /** True: of one of these the keepers do not suffice, and do from now on, if only readers list. */
  #look(partitions: Iterable<number>): boolean {
    let isGap = false
    for (const p of partitions) {
      const enoughNow = this.#holders.enough(p)
      const enough = this.#enoughThen.get(p) ?? enoughNow
      const followed = this.#followedOf(p)
      const keepers = followed.filter((id) => this.keeps(id, p))
      if (keepers.length >= enough || keepers.some((id) => this.proves(id, p))) continue
      // Nothing is won by a list; or too little yet, and somebody tells.
      const isNothingWon = followed.length === 0 || enough === enoughNow
      if (keepers.length === followed.length && isNothingWon) continue
      if (keepers.length > 0 && followed.length < enoughNow) continue
      isGap = true
      this.#enoughThen.delete(p)
      for (const id of followed) {
        this.#doubts.remove(id, [p])
        this.#unproven.add(id, [p])
        this.#turns.set(id, ++this.#turn)
      }
    }
    return isGap
  }
}
