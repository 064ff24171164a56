/**
 * One look at a partition, at a page of its registers after the other: what a replica lacks is brought
 * to it, what was deleted long ago is forgotten, what was only promised goes into the floor.
 *
 * A register with which that fails is passed over; after a few of them the look ends, since it may be
 * the partition or the disk that is not well.
 */
import { compareKeys, lowestKey } from '../base/bytes.ts'
import type { StorageId } from '../base/ids.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import type { AcceptorRecord } from './acceptor.ts'
import { type Ballot, isBallot } from './ballot.ts'
import type { RegisterCounts } from './counts.ts'
import type { Electorate } from './electorate.ts'
import { isOlder, laggingKeys } from './lagging.ts'
import { LIST_KEYS, SETTLED_MS, TOMBSTONE_MS } from './limits.ts'
import { majority, type Place } from './place.ts'
import type { Proposer } from './proposer.ts'
import { decodeRegister } from './register.ts'
import type { Replica } from './replica.ts'
import { forgetTombstone } from './tombstones.ts'

export interface LookOptions {
  readonly counts: RegisterCounts
  readonly self: StorageId
  readonly replica: Replica
  readonly electorate: Electorate
  readonly proposer: Proposer
  readonly deadlines: Deadlines
  readonly clock: Clock
}

const LIST_TIMEOUT_MS = 10_000
const TOUCH_TIMEOUT_MS = 5000
/** Each may take as long as a touch. */
const FAILURES_MAX = 16

export class PartitionLook {
  readonly #options: LookOptions
  readonly #place: Place
  readonly #signal: AbortSignal
  /** Registers that were passed over, and why the last one was. */
  failures = 0
  error: unknown = null
  /** Where it was given up; null: it came to the end. */
  stoppedAt: string | null = null

  constructor(options: LookOptions, place: Place, signal: AbortSignal) {
    this.#options = options
    this.#place = place
    this.#signal = signal
  }

  /** Begins after that key. Never rejects, unless the signal aborts. */
  async run(after: string): Promise<void> {
    const { self, electorate } = this.#options
    const { replicas, previous } = this.#place
    if (!replicas.includes(self) || previous !== null) return
    const isFirst = electorate.first(this.#place) === self
    // Without a majority nothing can be brought to anybody.
    if (isFirst && electorate.usable(this.#place, replicas) < majority(replicas)) return
    for (let at: string | null = after; at !== null && this.stoppedAt === null; ) {
      const from: string = at
      await this.#attempt(from, async () => {
        at = await (isFirst ? this.#tendPage(from) : this.#dropEmpty(from))
      })
      // A page that cannot be read: nor can what is behind it.
      if (at === from) this.stoppedAt = from
    }
  }

  async #attempt(key: string, run: () => Promise<void>): Promise<void> {
    if (this.stoppedAt !== null) return
    try {
      await run()
    } catch (error) {
      this.#signal.throwIfAborted()
      this.#options.counts.passedOver++
      this.error = error
      if (++this.failures >= FAILURES_MAX) this.stoppedAt = key
    }
    this.#signal.throwIfAborted()
  }

  /** A page of each replica, as far as all of them go. Null: there is no more. */
  async #tendPage(after: string): Promise<string | null> {
    const { replica, electorate, self } = this.#options
    const place = this.#place
    const own = await replica.page(place.partition, after, LIST_KEYS)
    const others = place.replicas.filter((id) => id !== self)
    const lists = await Promise.all(
      others.map((id) => electorate.list(place, id, after, LIST_TIMEOUT_MS)),
    )
    // What was only promised is nothing that the others lack.
    const voted = own.entries.filter(([, { accepted }]) => isBallot(accepted))
    const votes = voted.map(([key, { accepted }]) => [key, accepted] as const)
    const pages = [{ votes, after: own.after }, ...lists.filter((list) => list !== null)]
    const end = lowestKey(pages.map((page) => page.after))
    for (const key of laggingKeys(pages, end, this.#nowMs() - SETTLED_MS)) {
      await this.#attempt(key, () => this.#touch(key))
    }
    for (const [key, record] of own.entries) {
      if (end !== null && compareKeys(key, end) > 0) break
      await this.#attempt(key, () => this.#tend(key, record))
    }
    return end
  }

  async #tend(key: string, { promised, accepted, value }: AcceptorRecord): Promise<void> {
    if (!isBallot(accepted)) return this.#dropIfOld(key, promised)
    if (!isOlder(accepted, this.#nowMs() - SETTLED_MS)) return
    if (decodeRegister(value).kind === 'absent') await this.#age(key, accepted)
  }

  /**
   * How long it has been deleted is told by one clock, ours: two of them may be hours apart. So a
   * tombstone of another node's ballot gets one of ours first.
   */
  async #age(key: string, accepted: Ballot): Promise<void> {
    if (accepted.storageId !== this.#options.self) await this.#touch(key)
    else if (isOlder(accepted, this.#nowMs() - TOMBSTONE_MS)) await this.#forget(key, accepted)
  }

  async #forget(key: string, accepted: Ballot): Promise<void> {
    const { electorate, deadlines, counts } = this.#options
    const place = { ...this.#place, key }
    const forgetting = await forgetTombstone(place, accepted, electorate, deadlines)
    if (forgetting === 'forgotten') counts.forgotten++
    // One vote for all of them: then it can be forgotten the next time.
    if (forgetting === 'differ') await this.#touch(key)
  }

  /** Promises lie with each replica: none can drop those of another. */
  async #dropEmpty(after: string): Promise<string | null> {
    const page = await this.#options.replica.page(this.#place.partition, after, LIST_KEYS)
    for (const [key, { promised, accepted }] of page.entries) {
      if (!isBallot(accepted)) await this.#attempt(key, () => this.#dropIfOld(key, promised))
    }
    return page.after
  }

  async #dropIfOld(key: string, promised: Ballot): Promise<void> {
    if (!isOlder(promised, this.#nowMs() - SETTLED_MS)) return
    await this.#options.replica.dropEmpty(this.#place.partition, key)
  }

  async #touch(key: string): Promise<void> {
    const { proposer, clock, counts } = this.#options
    const call = { operation: { kind: 'touch' }, id: null, since: null } as const
    await proposer.propose(key, call, clock.monotonicMs() + TOUCH_TIMEOUT_MS)
    counts.repaired++
    // Repair is never in a hurry.
    await sleep(clock, 1, this.#signal)
  }

  #nowMs(): number {
    return this.#options.clock.wallMs()
  }
}
