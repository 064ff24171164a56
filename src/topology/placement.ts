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

/** Below this part of its share a member asks for more, until it has that much. */
const HUNGRY = 0.75
/** Below this part of its share a member is a newcomer, and asks for more at once: */
const NEW = 0.5
const FED = 0.9
/** A partition keeps at least one of this many nearest members. */
const NEAR = 3
/**
 * Partitions are brought near again while a step moves less than this many times a member's share
 * for each member that comes or goes. One such repair may cost two moves.
 */
const STEP_MOVES = 1.4
/** Members and partitions tried before a search for room gives up: bounds the worst case. */
const RELIEF_TRIES = 16

export class Placement {
  readonly #seats: readonly Seat[]
  readonly #slots: readonly Slot[]
  readonly #ranking: Ranking
  readonly #staying: number
  /** Members that come or go in this step. */
  #changes: number
  readonly #target: number
  readonly #replicas: number[][]
  readonly #load: number[]
  readonly #shares: readonly number[]
  readonly #bounds: readonly number[]
  /** May be given replicas. */
  readonly #open: readonly boolean[]
  /** Zones of those who may be given replicas. */
  readonly #zones: ReadonlySet<string>
  /** Partitions a member was ever given in this step; checked against `#replicas` when used. */
  readonly #held: number[][]
  /** Replicas given in this step (`replicaKey`): they may be given elsewhere without a move. */
  readonly #fresh = new Set<number>()
  /** Replicas that partitions lack and that this step has not given yet. */
  #owed = 0
  /** Filled when asked for. */
  readonly #near: (readonly number[] | undefined)[]
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
    this.#staying = seats.filter(({ fate }) => fate === 'stays').length
    this.#target = Math.min(replicationFactor, this.#staying)
    this.#shares = sharesOf(staying, slots.length, replicationFactor)
    this.#open = seats.map(
      ({ takes, fate }, seat) => takes && fate === 'stays' && (this.#shares[seat] ?? 0) > 0,
    )
    this.#zones = new Set(seats.filter((_, seat) => this.#open[seat]).map(({ zone }) => zone))
    this.#bounds = this.#shares.map((share) => boundOf(share, slots.length))
    this.#replicas = slots.map(({ replicas }) => [...replicas])
    this.#near = slots.map(() => undefined)
    this.#touched = slots.map(() => false)
    this.#load = seats.map(() => 0)
    this.#held = seats.map(() => [])
    for (const [slot, { replicas }] of slots.entries()) {
      for (const seat of replicas) this.#count(slot, seat)
    }
    this.#changes = seats.filter(({ fate }, i) => fate !== 'stays' && this.#loadOf(i) > 0).length
  }

  /** The next replica sets; a set that did not change is the very array that came in. */
  step(): (readonly number[])[] {
    this.#replaceAndGrow()
    this.#spreadZones()
    this.#feedTheHungry()
    this.#keepNear()
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
    for (const [slot, { fixed }] of this.#slots.entries()) {
      if (!fixed) this.#owed += Math.max(0, this.#target - this.#sizeOf(slot))
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
    const isNewZone = (each: number) => this.#isNewZone(slot, each)
    const seat =
      (this.#zonesOf(slot).size < this.#zones.size ? this.#fitting(slot, isNewZone) : null) ??
      this.#fitting(slot, () => true) ??
      this.#leastLoaded(slot)
    this.#owed--
    if (seat === null) return
    this.#replicas[slot]?.push(seat)
    this.#fresh.add(replicaKey(slot, seat))
    this.#count(slot, seat)
  }

  /** Where new zones have come, a partition with two replicas in one zone gives one of them up. */
  #spreadZones(): void {
    if (this.#zones.size < 2) return
    for (const slot of this.#slots.keys()) {
      const replicas = this.#replicas[slot] ?? []
      const own = replicas.map((seat) => this.#zone(seat))
      if (new Set(own).size >= Math.min(replicas.length, this.#zones.size)) continue
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
    const all = this.#slots.map((_, slot) => slot)
    for (const [seat, { takes }] of this.#seats.entries()) {
      const share = this.#shares[seat] ?? 0
      if (!takes || !this.#isHungry(seat)) continue
      const isNew = this.#loadOf(seat) < share * NEW
      if (isNew) this.#changes++
      const wanted = Math.floor(share * (isNew ? FED : HUNGRY))
      const near = this.#ranking.nearestSlots(seat, all)
      const excess = [
        (from: number) => this.#excessOf(from) > 0,
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
          hasExcess(each) &&
          this.#mayGive(slot, each) &&
          this.#keepsZones(slot, each, seat) &&
          this.#keepsNear(slot, each, seat),
      )
    if (from !== undefined) this.#swap(slot, from, seat)
  }

  /**
   * A partition that joins have left without any of its nearest members gets one of them back, so
   * that a live Kademlia lookup meets a replica among its first answers. A few at a time and only
   * when members come or go: nearness alone is no reason to move data.
   */
  #keepNear(): void {
    for (const [slot, { fixed }] of this.#slots.entries()) {
      if (this.#movesLeft() < 2) return
      if (fixed || this.#touched[slot] === true || this.#hasNear(slot)) continue
      const from = this.#spareReplica(slot)
      if (from === null) continue
      const to = this.#amongNear(slot, (seat) => this.#keepsZones(slot, from, seat))
      if (to !== null) this.#swap(slot, from, to)
    }
  }

  /** The replica that can best give one up: the fullest that would not be hungry afterwards. */
  #spareReplica(slot: number): number | null {
    let best: number | null = null
    for (const seat of this.#replicas[slot] ?? []) {
      const fed = this.#loadOf(seat) - 1 >= Math.floor((this.#shares[seat] ?? 0) * HUNGRY)
      if (!fed || !this.#mayGive(slot, seat)) continue
      if (best === null || this.#levelOf(seat) > this.#levelOf(best)) best = seat
    }
    return best
  }

  #relieveTheOverloaded(): void {
    for (const seat of this.#seats.keys()) {
      if (this.#excessOf(seat) <= 0 || this.#seats[seat]?.fate !== 'stays') continue
      const slots = this.#ranking.nearestSlots(seat, this.#held[seat] ?? []).toReversed()
      for (const nearness of ['kept', 'any'] as const) {
        for (const slot of slots) {
          if (this.#excessOf(seat) <= 0) break
          if (this.#holds(slot, seat)) this.#giveAway(slot, seat, nearness)
        }
      }
    }
  }

  #giveAway(slot: number, seat: number, nearness: 'kept' | 'any'): void {
    if (!this.#mayGive(slot, seat)) return
    const fits = (to: number) =>
      this.#keepsZones(slot, seat, to) && (nearness === 'any' || this.#keepsNear(slot, seat, to))
    const taker =
      this.#nearest(slot, (to) => this.#hasRoom(to) && fits(to)) ?? this.#relieved(slot, fits)
    if (taker !== null) this.#swap(slot, seat, taker)
  }

  /** The nearest with room; a partition that has none of its nearest members yet gets one. */
  #fitting(slot: number, fits: (seat: number) => boolean): number | null {
    return (
      (this.#hasNear(slot) ? null : this.#amongNear(slot, fits)) ??
      this.#nearest(slot, (seat) => this.#hasRoom(seat) && fits(seat)) ??
      this.#relieved(slot, fits)
    )
  }

  #nearest(slot: number, fits: (seat: number) => boolean): number | null {
    return this.#ranking.find(slot, (seat) => this.#mayTake(slot, seat) && fits(seat))
  }

  /** One of the nearest members; a full one hands one of its partitions on first. */
  #amongNear(slot: number, fits: (seat: number) => boolean): number | null {
    const near = this.#nearOf(slot).filter((seat) => this.#mayTake(slot, seat) && fits(seat))
    const open = near.find((seat) => this.#hasRoom(seat))
    const relieved = (seat: number) =>
      this.#relieve(seat, true) || (this.#movesLeft() >= 2 && this.#relieve(seat, false))
    return open ?? near.find(relieved) ?? null
  }

  #leastLoaded(slot: number): number | null {
    let best: number | null = null
    let bestLevel = Number.POSITIVE_INFINITY
    this.#nearest(slot, (seat) => {
      const level = this.#levelOf(seat)
      if (level < bestLevel) best = seat
      bestLevel = Math.min(level, bestLevel)
      return false
    })
    return best
  }

  /** A full member that fits, after it has handed one of its partitions to one with room. */
  #relieved(slot: number, fits: (seat: number) => boolean): number | null {
    let tries = 0
    let found: number | null = null
    this.#nearest(slot, (seat) => {
      if (!fits(seat)) return false
      if (this.#relieve(seat, true) || this.#relieve(seat, false)) found = seat
      return found !== null || ++tries >= RELIEF_TRIES
    })
    return found
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
        (each) =>
          this.#hasRoom(each) &&
          this.#keepsZones(slot, seat, each) &&
          this.#keepsNear(slot, seat, each),
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
    return this.#open[seat] === true && !this.#holds(slot, seat)
  }

  #hasRoom(seat: number): boolean {
    return this.#excessOf(seat) < 0
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

  /** The nearest members that stay, whether or not they hold the partition. */
  #nearOf(slot: number): readonly number[] {
    const known = this.#near[slot]
    if (known !== undefined) return known
    const near: number[] = []
    this.#ranking.find(slot, (seat) => {
      if (this.#seats[seat]?.fate === 'stays') near.push(seat)
      return near.length === NEAR
    })
    this.#near[slot] = near
    return near
  }

  #hasNear(slot: number): boolean {
    return this.#nearOf(slot).some((seat) => this.#holds(slot, seat))
  }

  /** Whether the exchange does not take the last near replica away. */
  #keepsNear(slot: number, from: number, to: number): boolean {
    const near = this.#nearOf(slot)
    if (!near.includes(from) || near.includes(to)) return true
    return near.some((seat) => seat !== from && this.#holds(slot, seat))
  }

  /** What is left of the moves that a step may make beyond what it must. */
  #movesLeft(): number {
    const share = (this.#slots.length * this.#target) / this.#staying
    return share * STEP_MOVES * this.#changes - this.#fresh.size - this.#owed
  }

  #isHungry(seat: number): boolean {
    return this.#loadOf(seat) < Math.floor((this.#shares[seat] ?? 0) * HUNGRY)
  }

  #levelOf(seat: number): number {
    return this.#loadOf(seat) / Math.max(1, this.#shares[seat] ?? 0)
  }

  #excessOf(seat: number): number {
    return this.#loadOf(seat) - (this.#bounds[seat] ?? 0)
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

  #zonesOf(slot: number): ReadonlySet<string> {
    return new Set((this.#replicas[slot] ?? []).map((seat) => this.#zone(seat)))
  }

  #zone(seat: number): string {
    return this.#seats[seat]?.zone ?? ''
  }
}

function replicaKey(slot: number, seat: number): number {
  return seat * PARTITIONS_MAX + slot
}
