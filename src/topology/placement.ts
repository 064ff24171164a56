/**
 * Which members hold which partition: XOR-closest with bounded load, in different zones, moving as
 * little as it can (registers.md §4; bounded load after Mirrokni, Thorup, Zadimoghaddam,
 * "Consistent Hashing with Bounded Loads", 2018).
 *
 * One call makes one step: a partition loses at most one of its replicas in it, so the step can be
 * agreed as it is; called again on its own result it goes on, and settles when nothing is left to
 * improve. Pure and deterministic: members and partitions are numbers, chance has no part.
 *
 * The order of what matters: replicas distinct; disks that go are emptied; as many replicas as
 * asked for; load bound; zones spread; Kademlia distance; few moves.
 */
import { PARTITIONS_MAX } from './limits.ts'
import { boundOf, sharesOf } from './shares.ts'
import type { Ranking } from './ranking.ts'

export interface Seat {
  readonly capacity: number
  readonly zone: string
  /** Alive and settled: may be given replicas. */
  readonly takes: boolean
  /**
   * `stays` keeps what it has. `replaced` gives a replica up where another takes it. `emptied`
   * gives up what it has even where nobody takes it, unless it is the last.
   */
  readonly fate: 'stays' | 'replaced' | 'emptied'
}

export interface Slot {
  readonly replicas: readonly number[]
  /** Moves already, or too few of it are alive: stays as it is. */
  readonly fixed: boolean
}

/** Below this part of its share a member asks for more … */
const HUNGRY = 0.75
/** … until it has this part of it. The gap keeps members from taking turns. */
const FED = 0.9
/** Members and partitions tried before a search for room gives up: bounds the worst case. */
const RELIEF_TRIES = 16

export class Placement {
  readonly #seats: readonly Seat[]
  readonly #slots: readonly Slot[]
  readonly #ranking: Ranking
  readonly #target: number
  readonly #replicas: number[][]
  readonly #load: number[]
  readonly #shares: readonly number[]
  readonly #bounds: readonly number[]
  /** Partitions a member was ever given in this step; checked against `#replicas` when used. */
  readonly #held: number[][]
  /** Replicas given in this step (`replicaKey`): they may be given elsewhere without a move. */
  readonly #fresh = new Set<number>()
  /** Has lost a replica in this step. */
  readonly #touched: boolean[]

  constructor(
    seats: readonly Seat[],
    slots: readonly Slot[],
    replicationFactor: number,
    ranking: Ranking,
  ) {
    this.#seats = seats
    this.#slots = slots
    this.#ranking = ranking
    const staying = seats.map(({ fate, capacity, zone }) => ({
      capacity: fate === 'stays' ? capacity : 0,
      zone,
    }))
    this.#target = Math.min(replicationFactor, seats.filter(({ fate }) => fate === 'stays').length)
    this.#shares = sharesOf(staying, slots.length, replicationFactor)
    this.#bounds = this.#shares.map((share) => boundOf(share, slots.length))
    this.#replicas = slots.map(({ replicas }) => [...replicas])
    this.#touched = slots.map(() => false)
    this.#load = seats.map(() => 0)
    this.#held = seats.map(() => [])
    for (const [slot, { replicas }] of slots.entries()) {
      for (const seat of replicas) this.#count(slot, seat)
    }
  }

  /** The next replica sets; a set that did not change is the very array that came in. */
  step(): (readonly number[])[] {
    this.#replaceAndGrow()
    this.#spreadZones()
    this.#feedTheHungry()
    this.#relieveTheOverloaded()
    return this.#slots.map(({ replicas }, slot) => {
      const now = this.#replicas[slot] ?? []
      const same = now.length === replicas.length && replicas.every((seat) => now.includes(seat))
      return same ? replicas : this.#ranking.sorted(slot, now)
    })
  }

  #replaceAndGrow(): void {
    const given = new Map<number, number>()
    for (const [slot, { replicas, fixed }] of this.#slots.entries()) {
      if (fixed) continue
      const fates = replicas.map((seat) => this.#seats[seat]?.fate ?? 'stays')
      const index = fates.includes('emptied') ? fates.indexOf('emptied') : fates.indexOf('replaced')
      const seat = replicas[index]
      if (seat === undefined) continue
      given.set(slot, seat)
      this.#drop(slot, seat)
      this.#touched[slot] = true
    }
    for (let round = 0; round < this.#target; round++) {
      for (const [slot, { fixed }] of this.#slots.entries()) {
        const size = this.#sizeOf(slot)
        if (!fixed && size === round && size < this.#target) this.#add(slot)
      }
    }
    for (const [slot, seat] of given) this.#takeBack(slot, seat)
  }

  /** A replica that nobody took over stays, unless its disk is to be emptied anyway. */
  #takeBack(slot: number, seat: number): void {
    const before = this.#slots[slot]?.replicas.length ?? 0
    const mayShrink = this.#seats[seat]?.fate === 'emptied' && this.#sizeOf(slot) >= this.#target
    if (this.#sizeOf(slot) >= before || (mayShrink && this.#sizeOf(slot) > 0)) return
    this.#replicas[slot]?.push(seat)
    this.#count(slot, seat)
  }

  /** Gives one more member to a partition, the nearest that fits. */
  #add(slot: number): void {
    const seat =
      this.#nearest(slot, (each) => this.#hasRoom(each) && this.#isNewZone(slot, each)) ??
      this.#relieved(slot, (each) => this.#isNewZone(slot, each)) ??
      this.#nearest(slot, (each) => this.#hasRoom(each)) ??
      this.#relieved(slot, () => true) ??
      this.#leastLoaded(slot)
    if (seat === null) return
    this.#replicas[slot]?.push(seat)
    this.#fresh.add(replicaKey(slot, seat))
    this.#count(slot, seat)
  }

  /** Where new zones have come, a partition with two replicas in one zone gives one of them up. */
  #spreadZones(): void {
    const zones = new Set(this.#seats.filter(({ takes }) => takes).map(({ zone }) => zone))
    if (zones.size < 2) return
    for (const slot of this.#slots.keys()) {
      const replicas = this.#replicas[slot] ?? []
      const own = replicas.map((seat) => this.#zone(seat))
      if (new Set(own).size >= Math.min(replicas.length, zones.size)) continue
      const doubled = this.#ranking
        .sorted(slot, replicas)
        .findLast((seat) => own.indexOf(this.#zone(seat)) !== own.lastIndexOf(this.#zone(seat)))
      if (doubled === undefined || !this.#mayGive(slot, doubled)) continue
      const seat = this.#nearest(
        slot,
        (each) => this.#hasRoom(each) && !own.includes(this.#zone(each)),
      )
      if (seat !== null) this.#swap(slot, doubled, seat)
    }
  }

  /** Members far below their share (newcomers above all) take the partitions nearest to them. */
  #feedTheHungry(): void {
    for (const [seat, { takes }] of this.#seats.entries()) {
      const share = this.#shares[seat] ?? 0
      if (!takes || this.#loadOf(seat) >= Math.floor(share * HUNGRY)) continue
      const wanted = Math.floor(share * FED)
      const near = this.#ranking.slotsNearestTo(seat, this.#slots.length)
      const excess = [
        (from: number) => this.#loadOf(from) > (this.#bounds[from] ?? 0),
        (from: number) => this.#loadOf(from) > (this.#shares[from] ?? 0),
      ]
      for (const hasExcess of excess) {
        for (const slot of near) {
          if (this.#loadOf(seat) >= wanted) break
          this.#takeOver(slot, seat, hasExcess)
        }
      }
    }
  }

  #takeOver(slot: number, seat: number, hasExcess: (from: number) => boolean): void {
    const replicas = this.#replicas[slot] ?? []
    if (replicas.includes(seat) || this.#slots[slot]?.fixed !== false) return
    const from = this.#ranking
      .sorted(slot, replicas)
      .findLast(
        (each) =>
          hasExcess(each) && this.#mayGive(slot, each) && this.#keepsZones(slot, each, seat),
      )
    if (from !== undefined) this.#swap(slot, from, seat)
  }

  #relieveTheOverloaded(): void {
    for (const seat of this.#seats.keys()) {
      const bound = this.#bounds[seat] ?? 0
      if (this.#loadOf(seat) <= bound || this.#seats[seat]?.fate !== 'stays') continue
      const farFirst = this.#ranking.farthestFirst(seat, this.#held[seat] ?? [])
      for (const slot of farFirst) {
        if (this.#loadOf(seat) <= bound) break
        if (!this.#holds(slot, seat) || !this.#mayGive(slot, seat)) continue
        const fits = (each: number) => this.#keepsZones(slot, seat, each)
        const to =
          this.#nearest(slot, (each) => this.#hasRoom(each) && fits(each)) ??
          this.#relieved(slot, fits)
        if (to !== null) this.#swap(slot, seat, to)
      }
    }
  }

  #nearest(slot: number, fits: (seat: number) => boolean): number | null {
    for (const seat of this.#ranking.nearestTo(slot)) {
      if (this.#mayTake(slot, seat) && fits(seat)) return seat
    }
    return null
  }

  #leastLoaded(slot: number): number | null {
    let best: number | null = null
    let bestLevel = Number.POSITIVE_INFINITY
    for (const seat of this.#ranking.nearestTo(slot)) {
      const level = this.#loadOf(seat) / Math.max(1, this.#shares[seat] ?? 0)
      if (!this.#mayTake(slot, seat) || level >= bestLevel) continue
      best = seat
      bestLevel = level
    }
    return best
  }

  /** A full member that fits, after it has handed one of its partitions to one with room. */
  #relieved(slot: number, fits: (seat: number) => boolean): number | null {
    let tries = 0
    for (const seat of this.#ranking.nearestTo(slot)) {
      if (!this.#mayTake(slot, seat) || !fits(seat)) continue
      if (tries++ >= RELIEF_TRIES) return null
      if (this.#relieve(seat, true) || this.#relieve(seat, false)) return seat
    }
    return null
  }

  /** Hands one partition of a member on; first one that is only just given to it. */
  #relieve(seat: number, freshOnly: boolean): boolean {
    let tries = 0
    for (const slot of this.#held[seat] ?? []) {
      if (!this.#holds(slot, seat) || !this.#mayGive(slot, seat)) continue
      if (freshOnly && !this.#fresh.has(replicaKey(slot, seat))) continue
      if (tries++ >= RELIEF_TRIES) return false
      const to = this.#nearest(
        slot,
        (each) => this.#hasRoom(each) && this.#keepsZones(slot, seat, each),
      )
      if (to === null) continue
      this.#swap(slot, seat, to)
      return true
    }
    return false
  }

  #swap(slot: number, from: number, to: number): void {
    if (!this.#fresh.has(replicaKey(slot, from))) this.#touched[slot] = true
    this.#drop(slot, from)
    this.#replicas[slot]?.push(to)
    this.#fresh.add(replicaKey(slot, to))
    this.#count(slot, to)
  }

  #drop(slot: number, seat: number): void {
    this.#replicas[slot] = (this.#replicas[slot] ?? []).filter((each) => each !== seat)
    this.#fresh.delete(replicaKey(slot, seat))
    this.#load[seat] = this.#loadOf(seat) - 1
  }

  #count(slot: number, seat: number): void {
    this.#load[seat] = this.#loadOf(seat) + 1
    this.#held[seat]?.push(slot)
  }

  #mayGive(slot: number, seat: number): boolean {
    if (this.#fresh.has(replicaKey(slot, seat))) return true
    return this.#slots[slot]?.fixed === false && this.#touched[slot] !== true
  }

  #mayTake(slot: number, seat: number): boolean {
    const { takes, fate } = this.#seats[seat] ?? { takes: false, fate: 'emptied' }
    return takes && fate === 'stays' && (this.#shares[seat] ?? 0) > 0 && !this.#holds(slot, seat)
  }

  #hasRoom(seat: number): boolean {
    return this.#loadOf(seat) < (this.#bounds[seat] ?? 0)
  }

  #isNewZone(slot: number, seat: number): boolean {
    return !(this.#replicas[slot] ?? []).some((each) => this.#zone(each) === this.#zone(seat))
  }

  /** Whether the exchange leaves the partition in as many zones as before. */
  #keepsZones(slot: number, from: number, to: number): boolean {
    if (this.#zone(from) === this.#zone(to)) return true
    const zones = (this.#replicas[slot] ?? []).filter((seat) => seat !== from)
    const alone = !zones.some((seat) => this.#zone(seat) === this.#zone(from))
    return !alone || !zones.some((seat) => this.#zone(seat) === this.#zone(to))
  }

  #holds(slot: number, seat: number): boolean {
    return this.#replicas[slot]?.includes(seat) === true
  }

  #loadOf(seat: number): number {
    return this.#load[seat] ?? 0
  }

  #sizeOf(slot: number): number {
    return this.#replicas[slot]?.length ?? 0
  }

  #zone(seat: number): string {
    return this.#seats[seat]?.zone ?? ''
  }
}

function replicaKey(slot: number, seat: number): number {
  return seat * PARTITIONS_MAX + slot
}
