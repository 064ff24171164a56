/**
 * What replicas of a partition owe each other when nobody asks: registers that one of them has missed
 * are brought to it, deleted ones are forgotten, promises without a vote go into the floor, and
 * what was wiped is removed from the disk.
 *
 * The first replica that is up does it for a partition: when a member is back for all partitions that
 * they share, and besides one partition every ten seconds. One at a time, and a page at a time: what
 * it holds in memory does not grow with the registers.
 */
import { compareKeys, lowestKey } from '../base/bytes.ts'
import { UNITS_PER_MS } from '../base/hybrid-time.ts'
import type { StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import { type Clock, sleep, type Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { MemberEvent, Membership } from '../swim/member.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import { type Ballot, equalBallots, higherBallot, isBallot, NO_BALLOT } from './ballot.ts'
import type { RegisterCounts } from './counts.ts'
import type { Electorate } from './electorate.ts'
import { LIST_KEYS, SETTLED_MS, TOMBSTONE_MS, UPKEEP_MS } from './limits.ts'
import { type Place, placeIn, placeNumber } from './place.ts'
import type { Proposer } from './proposer.ts'
import { decodeRegister } from './register.ts'
import type { Replica } from './replica.ts'
import { sweepRegisters } from './sweep.ts'
import { forgetTombstone } from './tombstones.ts'

export interface UpkeepOptions {
  readonly counts: RegisterCounts
  readonly self: StorageId
  readonly database: Database
  readonly replica: Replica
  readonly electorate: Electorate
  readonly proposer: Proposer
  readonly topology: TopologyView
  readonly membership: Membership
  readonly deadlines: Deadlines
  readonly clock: Clock
  readonly log: Log
}

const LIST_TIMEOUT_MS = 10_000
const TOUCH_TIMEOUT_MS = 5000
/** A member that has just come back says so to many at once. */
const BACK_MS = 1000

export class Upkeep {
  readonly #options: UpkeepOptions
  /** Partitions to look at; at most all of them. */
  readonly #wanted = new Set<number>()
  #next = 0
  readonly #aborter = new AbortController()
  #unsubscribe: (() => void)[] = []
  #round: Timer | null = null
  #soon: Timer | null = null
  #running: Promise<void> | null = null
  /** Generations of registers may lie about that nobody will ask for again. */
  #mayBeSwept = true

  constructor(options: UpkeepOptions) {
    this.#options = options
  }

  start(): void {
    const { membership, topology } = this.#options
    this.#unsubscribe = [
      membership.subscribe((event) => this.#onMember(event)),
      topology.subscribe(() => {
        this.#mayBeSwept = true
      }),
    ]
    this.#arm()
  }

  async stop(): Promise<void> {
    for (const end of this.#unsubscribe) end()
    this.#round?.cancel()
    this.#soon?.cancel()
    this.#aborter.abort()
    await this.#running
  }

  /** Partitions that wait to be looked at. */
  get backlog(): number {
    return this.#wanted.size
  }

  #arm(): void {
    this.#round = this.#options.clock.after(UPKEEP_MS, () => {
      const partitions = this.#options.topology.current()?.partitions.length ?? 0
      if (partitions > 0) this.#wanted.add(this.#next++ % partitions)
      this.#run()
      this.#arm()
    })
  }

  #onMember({ kind, member }: MemberEvent): void {
    if (kind !== 'alive' && kind !== 'join') return
    const { topology, self, clock } = this.#options
    for (const [partition, { replicas }] of topology.current()?.partitions.entries() ?? []) {
      const isShared = replicas.includes(self) && replicas.includes(member.storageId)
      if (isShared && member.storageId !== self) this.#wanted.add(partition)
    }
    this.#soon ??= clock.after(BACK_MS, () => {
      this.#soon = null
      this.#run()
    })
  }

  #run(): void {
    if (this.#running !== null || this.#aborter.signal.aborted) return
    this.#running = this.#work().finally(() => {
      this.#running = null
    })
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    const { topology, log } = this.#options
    try {
      for (const partition of this.#wanted) {
        this.#wanted.delete(partition)
        const current = topology.current()
        if (current !== null) await this.#look(placeIn(current, '', partition))
        if (this.#aborter.signal.aborted) return
      }
      if (this.#mayBeSwept) await this.#sweep(topology.current())
    } catch (error) {
      if (this.#aborter.signal.aborted) return
      log.write('debug', 'paxos.upkeep-failed', { error: String(error) })
    }
  }

  async #sweep(topology: Topology | null): Promise<void> {
    if (topology === null) return
    this.#mayBeSwept = false
    const { database, replica, self } = this.#options
    const keeps = (partition: number): number | null => {
      const isHeld = placeNumber(placeIn(topology, '', partition), self) >= 0
      return isHeld ? replica.states.durable(partition).generation : null
    }
    const isStill = (): boolean =>
      this.#options.topology.current() === topology && !this.#aborter.signal.aborted
    await sweepRegisters(database, keeps, isStill)
  }

  /** One partition, if it is this node's to look after. */
  async #look(place: Place): Promise<void> {
    const { self, electorate } = this.#options
    if (!place.replicas.includes(self) || place.previous !== null) return
    if (electorate.first(place) !== self) return this.#dropEmpty(place)
    const others = place.replicas.filter((id) => id !== self)
    for (let after: string | null = ''; after !== null; ) {
      after = await this.#lookAtPage(place, after, others)
      if (this.#aborter.signal.aborted) return
    }
  }

  /** Looks at one page of each replica, as far as all of them go. Null: there is no more. */
  async #lookAtPage(
    place: Place,
    after: string,
    others: readonly StorageId[],
  ): Promise<string | null> {
    const { replica, electorate } = this.#options
    const own = await replica.page(place.partition, after, LIST_KEYS)
    const lists = await Promise.all(
      others.map((id) => electorate.list(place, id, after, LIST_TIMEOUT_MS)),
    )
    // What was only promised is nothing that the others lack.
    const voted = own.entries.filter(([, { accepted }]) => isBallot(accepted))
    const votes = voted.map(([key, { accepted }]) => [key, accepted] as const)
    const pages = [{ votes, after: own.after }, ...lists.filter((list) => list !== null)]
    const end = lowestKey(pages.map((page) => page.after))
    for (const key of laggingKeys(pages, end, this.#nowMs() - SETTLED_MS)) await this.#touch(key)
    for (const [key, { promised, accepted, value }] of own.entries) {
      if (end !== null && compareKeys(key, end) > 0) break
      if (!isBallot(accepted)) {
        await this.#dropIfOld(place, key, promised)
        continue
      }
      const { kind } = decodeRegister(value)
      const isDue = kind === 'absent' && isOlder(accepted, this.#nowMs() - TOMBSTONE_MS)
      if (isDue) await this.#forget({ ...place, key })
    }
    return end
  }

  async #forget(place: Place): Promise<void> {
    const { electorate, deadlines, counts } = this.#options
    const forgetting = await forgetTombstone(place, electorate, deadlines)
    // One vote for all of them: then it can be forgotten the next time.
    if (forgetting === 'forgotten') counts.forgotten++
    if (forgetting === 'differ') await this.#touch(place.key)
  }

  /** Promises lie with each replica: none can drop those of another. */
  async #dropEmpty(place: Place): Promise<void> {
    const { replica } = this.#options
    for (let after: string | null = ''; after !== null && !this.#aborter.signal.aborted; ) {
      const page = await replica.page(place.partition, after, LIST_KEYS)
      for (const [key, { promised, accepted }] of page.entries) {
        if (!isBallot(accepted)) await this.#dropIfOld(place, key, promised)
      }
      after = page.after
    }
  }

  async #dropIfOld({ partition }: Place, key: string, promised: Ballot): Promise<void> {
    if (!isOlder(promised, this.#nowMs() - SETTLED_MS)) return
    await this.#options.replica.dropEmpty(partition, key)
  }

  async #touch(key: string): Promise<void> {
    const { proposer, clock, counts } = this.#options
    const call = { operation: { kind: 'touch' }, id: null, since: null } as const
    await proposer.propose(key, call, clock.monotonicMs() + TOUCH_TIMEOUT_MS)
    counts.repaired++
    // Repair is never in a hurry.
    await sleep(clock, 1, this.#aborter.signal)
  }

  #nowMs(): number {
    return this.#options.clock.wallMs()
  }
}

interface Votes {
  readonly votes: readonly (readonly [string, Ballot])[]
  readonly after: string | null
}

/** Keys on which the replicas differ although the newest vote has had time to get round. */
export function laggingKeys(
  pages: readonly Votes[],
  end: string | null,
  beforeMs: number,
): readonly string[] {
  const seen = new Map<string, { highest: Ballot; same: number }>()
  for (const { votes } of pages) {
    for (const [key, vote] of votes) {
      if (end !== null && compareKeys(key, end) > 0) break
      const { highest, same } = seen.get(key) ?? { highest: NO_BALLOT, same: 0 }
      if (equalBallots(vote, highest)) seen.set(key, { highest, same: same + 1 })
      else if (higherBallot(vote, highest) === vote) seen.set(key, { highest: vote, same: 1 })
    }
  }
  return [...seen].flatMap(([key, { highest, same }]) =>
    same < pages.length && isOlder(highest, beforeMs) ? [key] : [],
  )
}

/** By the clock of whoever made the ballot: good enough for what only saves work. */
function isOlder({ counter }: Ballot, ms: number): boolean {
  return counter < ms * UNITS_PER_MS
}
