/**
 * Which members hold which partition: XOR-closest with bounded load, in different zones, moving as
 * little as it can (REGISTERS.md §4; bounded load after Mirrokni, Thorup, Zadimoghaddam,
 * "Consistent Hashing with Bounded Loads", 2018).
 *
 * One call makes one step: a partition loses at most one of its replicas in it, so the step can be
 * agreed as it is; called again on its own result it goes on, and settles when nothing is left to
 * improve. Pure and deterministic: members and partitions are numbers, chance has no part.
 *
 * The order of what matters: replicas distinct; disks that go are emptied; as many replicas as
 * asked for; load bound; zones spread; Kademlia distance; few moves.
 */
import { Assignment, type Seat, type Slot } from './assignment.ts'
import type { Ranking } from './ranking.ts'

/** Below this part of its share a member is a newcomer, and asks for more at once: */
const NEW = 0.5
const FED = 0.9
/**
 * Partitions are brought near again while a step moves less than this many times a member's share
 * for each member that comes or goes. One such repair may cost two moves.
 */
const STEP_MOVES = 1.4
/** Members and partitions tried before a search for room gives up: bounds the worst case. */
const RELIEF_TRIES = 16

export class Placement {
  readonly #state: Assignment
  readonly #ranking: Ranking
  readonly #staying: number
  /** Replicas that each partition should have. */
  readonly #target: number
  /** Below this many a partition does not shrink: somebody will take over soon. */
  readonly #least: number
  /** Members that come or go in this step. */
  #changes: number
  /** Replicas that partitions lack and that this step has not given yet. */
  #owed = 0

  constructor(
    seats: readonly Seat[],
    slots: readonly Slot[],
    replicationFactor: number,
    ranking: Ranking,
  ) {
    this.#state = new Assignment(seats, slots, replicationFactor, ranking)
    this.#ranking = ranking
    this.#staying = seats.filter(({ fate }) => fate === 'stays').length
    this.#target = Math.min(replicationFactor, this.#staying)
    const live = seats.filter(({ fate, isLive }) => fate === 'stays' && isLive).length
    this.#least = Math.min(replicationFactor, live)
    const going = seats.filter(({ fate }, seat) => fate !== 'stays' && this.#state.loadOf(seat) > 0)
    this.#changes = going.length
  }

  /** The next replica sets; a set that did not change is the very array that came in. */
  step(): (readonly number[])[] {
    this.#replaceAndGrow()
    this.#spreadZones()
    this.#feedTheHungry()
    this.#keepNear()
    this.#relieveTheOverloaded()
    return this.#state.slots.map(({ replicas }, slot) => {
      const now = this.#state.replicasOf(slot)
      const same = now.length === replicas.length && replicas.every((seat) => now.includes(seat))
      return same ? replicas : this.#ranking.sorted(slot, now)
    })
  }

  #replaceAndGrow(): void {
    const given = new Map<number, number>()
    for (const [slot, { replicas, fixed }] of this.#state.slots.entries()) {
      if (fixed) continue
      const fates = replicas.map((seat) => this.#state.seats[seat]?.fate ?? 'stays')
      const index = fates.includes('emptied') ? fates.indexOf('emptied') : fates.indexOf('replaced')
      const seat = replicas[index]
      if (seat === undefined) continue
      given.set(slot, seat)
      this.#state.takeOut(slot, seat)
    }
    for (const [slot, { fixed }] of this.#state.slots.entries()) {
      if (!fixed) this.#owed += Math.max(0, this.#target - this.#state.sizeOf(slot))
    }
    for (let round = 0; round < this.#target; round++) {
      for (const [slot, { fixed }] of this.#state.slots.entries()) {
        const size = this.#state.sizeOf(slot)
        if (!fixed && size === round && size < this.#target) this.#add(slot)
      }
    }
    for (const [slot, seat] of given) this.#takeBack(slot, seat)
  }

  /** A replica that nobody took over stays, unless its disk is to be emptied anyway. */
  #takeBack(slot: number, seat: number): void {
    const before = this.#state.slots[slot]?.replicas.length ?? 0
    const mayShrink =
      this.#state.seats[seat]?.fate === 'emptied' && this.#state.sizeOf(slot) >= this.#least
    if (this.#state.sizeOf(slot) >= before || (mayShrink && this.#state.sizeOf(slot) > 0)) return
    this.#state.putBack(slot, seat)
  }

  /** Gives one more member to a partition, the nearest that fits; zones are seen to next. */
  #add(slot: number): void {
    const seat = this.#fitting(slot) ?? this.#leastLoaded(slot)
    this.#owed--
    if (seat === null) return
    this.#state.give(slot, seat)
  }

  /** A partition with two replicas in one zone gives one of them up to a zone that it lacks. */
  #spreadZones(): void {
    for (let zones = 2; zones <= Math.min(this.#target, this.#state.zones.size); zones++) {
      for (const slot of this.#state.slots.keys()) this.#spread(slot, zones)
    }
  }

  #spread(slot: number, zones: number): void {
    const replicas = this.#state.replicasOf(slot)
    const own = replicas.map((seat) => this.#state.zone(seat))
    if (new Set(own).size >= Math.min(replicas.length, zones)) return
    const isDoubled = (zone: string) => own.indexOf(zone) !== own.lastIndexOf(zone)
    const doubled = this.#ranking
      .sorted(slot, replicas)
      .findLast((seat) => isDoubled(this.#state.zone(seat)))
    if (doubled === undefined || !this.#state.mayGive(slot, doubled)) return
    const seat = this.#nearest(
      slot,
      (each) => this.#state.hasRoom(each) && !own.includes(this.#state.zone(each)),
    )
    if (seat !== null) this.#state.swap(slot, doubled, seat)
  }

  /** Members far below their share (newcomers above all) take the partitions nearest to them. */
  #feedTheHungry(): void {
    const all = this.#state.slots.map((_, slot) => slot)
    for (const [seat, { takes }] of this.#state.seats.entries()) {
      const share = this.#state.shares[seat] ?? 0
      if (!takes || !this.#state.isHungry(seat)) continue
      const isNew = this.#state.loadOf(seat) < share * NEW
      if (isNew) this.#changes++
      const wanted = isNew ? Math.floor(share * FED) : this.#state.hungerOf(seat)
      const near = this.#ranking.nearestSlots(seat, all)
      const excess = [
        (from: number) => this.#state.excessOf(from) > 0,
        (from: number) => this.#state.loadOf(from) > (this.#state.shares[from] ?? 0),
      ]
      for (const hasExcess of excess) {
        for (const slot of near) {
          if (this.#state.loadOf(seat) >= wanted) break
          this.#takeOver(slot, seat, hasExcess)
        }
      }
    }
  }

  #takeOver(slot: number, seat: number, hasExcess: (from: number) => boolean): void {
    const replicas = this.#state.replicasOf(slot)
    if (replicas.includes(seat) || this.#state.slots[slot]?.fixed !== false) return
    const from = this.#ranking
      .sorted(slot, replicas)
      .findLast(
        (each) =>
          hasExcess(each) &&
          this.#state.mayGive(slot, each) &&
          this.#state.keepsZones(slot, each, seat) &&
          this.#state.keepsNear(slot, each, seat),
      )
    if (from !== undefined) this.#state.swap(slot, from, seat)
  }

  /**
   * A partition that joins have left without any of its nearest members gets one of them back, so
   * that a live Kademlia lookup meets a replica among its first answers. A few at a time and only
   * when members come or go: nearness alone is no reason to move data.
   */
  #keepNear(): void {
    for (const [slot, { fixed }] of this.#state.slots.entries()) {
      if (this.#movesLeft() < 2) return
      if (fixed || this.#state.isTouched(slot) || this.#state.hasNear(slot)) continue
      const from = this.#spareReplica(slot)
      if (from === null) continue
      const to = this.#amongNear(slot, (seat) => this.#state.keepsZones(slot, from, seat))
      if (to !== null) this.#state.swap(slot, from, to)
    }
  }

  /** The replica that can best give one up: the fullest that would not be hungry afterwards. */
  #spareReplica(slot: number): number | null {
    let best: number | null = null
    for (const seat of this.#state.replicasOf(slot)) {
      const fed = this.#state.loadOf(seat) - 1 >= this.#state.hungerOf(seat)
      if (!fed || !this.#state.mayGive(slot, seat)) continue
      if (best === null || this.#state.levelOf(seat) > this.#state.levelOf(best)) best = seat
    }
    return best
  }

  #relieveTheOverloaded(): void {
    for (const seat of this.#state.seats.keys()) {
      if (this.#state.excessOf(seat) <= 0 || this.#state.seats[seat]?.fate !== 'stays') continue
      const slots = this.#ranking.nearestSlots(seat, this.#state.heldBy(seat)).toReversed()
      for (const nearness of ['kept', 'any'] as const) {
        for (const slot of slots) {
          if (this.#state.excessOf(seat) <= 0) break
          if (this.#state.holds(slot, seat)) this.#giveAway(slot, seat, nearness)
        }
      }
    }
  }

  #giveAway(slot: number, seat: number, nearness: 'kept' | 'any'): void {
    if (!this.#state.mayGive(slot, seat)) return
    const fits = (to: number) =>
      this.#state.keepsZones(slot, seat, to) &&
      (nearness === 'any' || this.#state.keepsNear(slot, seat, to))
    const taker =
      this.#nearest(slot, (to) => this.#state.hasRoom(to) && fits(to)) ?? this.#relieved(slot, fits)
    if (taker !== null) this.#state.swap(slot, seat, taker)
  }

  /** The nearest with room; a partition that has none of its nearest members yet gets one. */
  #fitting(slot: number): number | null {
    const any = () => true
    return (
      (this.#state.hasNear(slot) ? null : this.#amongNear(slot, any)) ??
      this.#nearest(slot, (seat) => this.#state.hasRoom(seat)) ??
      this.#relieved(slot, any)
    )
  }

  #nearest(slot: number, fits: (seat: number) => boolean): number | null {
    return this.#ranking.find(slot, (seat) => this.#state.mayTake(slot, seat) && fits(seat))
  }

  /** One of the nearest members; a full one hands one of its partitions on first. */
  #amongNear(slot: number, fits: (seat: number) => boolean): number | null {
    const near = this.#state
      .nearOf(slot)
      .filter((seat) => this.#state.mayTake(slot, seat) && fits(seat))
    const open = near.find((seat) => this.#state.hasRoom(seat))
    const relieved = (seat: number) =>
      this.#relieve(seat, true) || (this.#movesLeft() >= 2 && this.#relieve(seat, false))
    return open ?? near.find(relieved) ?? null
  }

  #leastLoaded(slot: number): number | null {
    let best: number | null = null
    let bestLevel = Number.POSITIVE_INFINITY
    this.#nearest(slot, (seat) => {
      const level = this.#state.levelOf(seat)
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
    for (const slot of this.#state.heldBy(seat)) {
      if (!this.#state.holds(slot, seat) || !this.#state.mayGive(slot, seat)) continue
      if (freshOnly && !this.#state.isFresh(slot, seat)) continue
      if (tries++ >= RELIEF_TRIES) return false
      const to = this.#nearest(
        slot,
        (each) =>
          this.#state.hasRoom(each) &&
          this.#state.keepsZones(slot, seat, each) &&
          this.#state.keepsNear(slot, seat, each),
      )
      if (to === null) continue
      this.#state.swap(slot, seat, to)
      return true
    }
    return false
  }

  /** What is left of the moves that a step may make beyond what it must. */
  #movesLeft(): number {
    const share = (this.#state.slots.length * this.#target) / this.#staying
    return share * STEP_MOVES * this.#changes - this.#state.moves - this.#owed
  }
}
