/**
 * Who holds what while the planner thinks: replica sets, loads, and what of them may still change.
 *
 * It keeps the rules that every step of `placement.ts` shares: a partition that is fixed or has
 * lost a replica in this step loses no other, and nobody holds two replicas of one partition. What
 * is given in this step (`fresh`) may be given elsewhere, since nobody has been told yet.
 */
import { PARTITIONS_MAX } from './limits.ts'
import type { Ranking } from './ranking.ts'
import { boundOf, sharesOf } from './shares.ts'

export interface Seat {
  readonly capacity: number
  readonly zone: string
  /** Alive and settled: may be given replicas. */
  readonly takes: boolean
  /** Alive, settled or not. */
  readonly isLive: boolean
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
/** A partition keeps at least one of this many nearest members. */
const NEAR = 3
export class Assignment {
  readonly seats: readonly Seat[]
  readonly slots: readonly Slot[]
  /** Zones of those who may be given replicas. */
  readonly zones: ReadonlySet<string>
  /** Replicas that each member should hold. */
  readonly shares: readonly number[]
  readonly #ranking: Ranking
  readonly #bounds: readonly number[]
  /** May be given replicas. */
  readonly #open: readonly boolean[]
  readonly #replicas: number[][]
  readonly #load: number[]
  /** Partitions a member was ever given; checked against `#replicas` when used. */
  readonly #held: number[][]
  readonly #fresh = new Set<number>()
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
    this.seats = seats
    this.slots = slots
    this.#ranking = ranking
    const staying = seats.map(({ fate, capacity, zone }) => ({
      capacity: fate === 'stays' ? capacity : 0,
      zone,
    }))
    this.shares = sharesOf(staying, slots.length, replicationFactor)
    this.#bounds = this.shares.map((share) => boundOf(share, slots.length))
    this.#open = seats.map(
      ({ takes, fate }, seat) => takes && fate === 'stays' && (this.shares[seat] ?? 0) > 0,
    )
    this.zones = new Set(seats.filter((_, seat) => this.#open[seat]).map(({ zone }) => zone))
    this.#replicas = slots.map(({ replicas }) => [...replicas])
    this.#near = slots.map(() => undefined)
    this.#touched = slots.map(() => false)
    this.#load = seats.map(() => 0)
    this.#held = seats.map(() => [])
    for (const [slot, { replicas }] of slots.entries()) {
      for (const seat of replicas) this.#count(slot, seat)
    }
  }

  /** Replicas given in this step that were not there before: what it moves. */
  get moves(): number {
    return this.#fresh.size
  }

  replicasOf(slot: number): readonly number[] {
    return this.#replicas[slot] ?? []
  }

  /** Partitions that a member holds, in the order in which it came to hold them. */
  heldBy(seat: number): readonly number[] {
    return (this.#held[seat] ?? []).filter((slot) => this.holds(slot, seat))
  }

  isFresh(slot: number, seat: number): boolean {
    return this.#fresh.has(replicaKey(slot, seat))
  }

  isTouched(slot: number): boolean {
    return this.#touched[slot] === true
  }

  give(slot: number, seat: number): void {
    this.#fresh.add(replicaKey(slot, seat))
    this.#put(slot, seat)
  }

  /** Takes a replica out; the partition loses no other in this step. */
  takeOut(slot: number, seat: number): void {
    if (!this.isFresh(slot, seat)) this.#touched[slot] = true
    this.#drop(slot, seat)
  }

  /** Undoes `takeOut` where nobody took over. */
  putBack(slot: number, seat: number): void {
    this.#put(slot, seat)
  }

  swap(slot: number, from: number, to: number): void {
    this.takeOut(slot, from)
    this.give(slot, to)
  }

  mayGive(slot: number, seat: number): boolean {
    return this.isFresh(slot, seat) || (this.slots[slot]?.fixed === false && !this.isTouched(slot))
  }

  mayTake(slot: number, seat: number): boolean {
    return this.#open[seat] === true && !this.holds(slot, seat)
  }

  hasRoom(seat: number): boolean {
    return this.excessOf(seat) < 0
  }

  /** Whether the exchange leaves the partition in as many zones as before. */
  keepsZones(slot: number, from: number, to: number): boolean {
    if (this.zone(from) === this.zone(to)) return true
    const zones = this.replicasOf(slot).filter((seat) => seat !== from)
    const alone = !zones.some((seat) => this.zone(seat) === this.zone(from))
    return !alone || !zones.some((seat) => this.zone(seat) === this.zone(to))
  }

  /** The nearest members that stay, whether or not they hold the partition. */
  nearOf(slot: number): readonly number[] {
    const known = this.#near[slot]
    if (known !== undefined) return known
    const near: number[] = []
    this.#ranking.find(slot, (seat) => {
      if (this.seats[seat]?.fate === 'stays') near.push(seat)
      return near.length === NEAR
    })
    this.#near[slot] = near
    return near
  }

  hasNear(slot: number): boolean {
    return this.nearOf(slot).some((seat) => this.holds(slot, seat))
  }

  /** Whether the exchange does not take the last near replica away. */
  keepsNear(slot: number, from: number, to: number): boolean {
    const near = this.nearOf(slot)
    if (!near.includes(from) || near.includes(to)) return true
    return near.some((seat) => seat !== from && this.holds(slot, seat))
  }

  isHungry(seat: number): boolean {
    return this.loadOf(seat) < this.hungerOf(seat)
  }

  /** With fewer replicas than this a member is hungry. */
  hungerOf(seat: number): number {
    return Math.floor((this.shares[seat] ?? 0) * HUNGRY)
  }

  levelOf(seat: number): number {
    return this.loadOf(seat) / Math.max(1, this.shares[seat] ?? 0)
  }

  excessOf(seat: number): number {
    return this.loadOf(seat) - (this.#bounds[seat] ?? 0)
  }

  holds(slot: number, seat: number): boolean {
    return this.#replicas[slot]?.includes(seat) === true
  }

  loadOf(seat: number): number {
    return this.#load[seat] ?? 0
  }

  sizeOf(slot: number): number {
    return this.#replicas[slot]?.length ?? 0
  }

  zone(seat: number): string {
    return this.seats[seat]?.zone ?? ''
  }

  #put(slot: number, seat: number): void {
    this.#replicas[slot]?.push(seat)
    this.#count(slot, seat)
  }

  #drop(slot: number, seat: number): void {
    this.#replicas[slot] = this.replicasOf(slot).filter((each) => each !== seat)
    this.#fresh.delete(replicaKey(slot, seat))
    this.#load[seat] = this.loadOf(seat) - 1
  }

  #count(slot: number, seat: number): void {
    this.#load[seat] = this.loadOf(seat) + 1
    this.#held[seat]?.push(slot)
  }
}

function replicaKey(slot: number, seat: number): number {
  return seat * PARTITIONS_MAX + slot
}
