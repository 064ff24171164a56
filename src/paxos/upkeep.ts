/**
 * What replicas of a partition owe each other when nobody asks: registers that one of them has missed
 * are brought to it, deleted ones are forgotten, promises without a vote go into the floor, and
 * what was wiped is removed from the disk.
 *
 * The first replica that is up does it for a partition: when a member is back for all partitions that
 * they share (less often if it comes and goes), and besides one partition every ten seconds. One at a
 * time, and a page at a time: what it holds in memory does not grow with the registers. Where it fails
 * with some registers, it comes back to their partition, each time later.
 */
import type { StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { Timer } from '../seams/clock.ts'
import type { Log, LogFields } from '../seams/log.ts'
import type { MemberEvent, Membership } from '../swim/member.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import { UPKEEP_MS } from './limits.ts'
import { type LookOptions, PartitionLook } from './partition-look.ts'
import { type Place, placeIn, placeNumber } from './place.ts'
import { sweepRegisters } from './sweep.ts'

export interface UpkeepOptions extends LookOptions {
  readonly database: Database
  readonly topology: TopologyView
  readonly membership: Membership
  readonly log: Log
}

interface Back {
  readonly atMs: number
  readonly waitMs: number
  readonly timer: Timer
}

/** When a partition is looked at again, and where that look begins. */
interface Later {
  readonly atMs: number
  readonly pauseMs: number
  readonly from: string
}

/** After a look that passed over registers: doubled each time. */
const LATER_MS = 30_000
const LATER_MS_MAX = 60 * 60 * 1000
/** A member that has just come back says so to many at once. */
const BACK_MS = 1000
/** One that comes back again within this time is waited for, each time for longer, up to so long. */
const BACK_AGAIN_MS = 60_000

export class Upkeep {
  readonly #options: UpkeepOptions
  /** Partitions to look at; at most all of them. */
  readonly #wanted = new Set<number>()
  #next = 0
  #looking: number | null = null
  /** Partitions with registers that were passed over; at most all of them. */
  readonly #later = new Map<number, Later>()
  readonly #aborter = new AbortController()
  #unsubscribe: (() => void)[] = []
  #round: Timer | null = null
  /** By member, when what it may have missed was or will be looked for. At most all members. */
  readonly #back = new Map<StorageId, Back>()
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
    for (const { timer } of this.#back.values()) timer.cancel()
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
      const next = this.#next++ % Math.max(1, partitions)
      const isNew = next !== this.#looking && !this.#later.has(next)
      if (partitions > 0 && isNew) this.#wanted.add(next)
      const nowMs = this.#options.clock.monotonicMs()
      for (const [partition, { atMs }] of this.#later) {
        if (atMs <= nowMs && partition !== this.#looking) this.#wanted.add(partition)
      }
      this.#run()
      this.#arm()
    })
  }

  #onMember({ kind, member: { storageId } }: MemberEvent): void {
    const { self, clock } = this.#options
    if ((kind !== 'alive' && kind !== 'join') || storageId === self) return
    const nowMs = clock.monotonicMs()
    const before = this.#back.get(storageId)
    if (before !== undefined && before.atMs > nowMs) return
    const isAgain = before !== undefined && before.atMs > nowMs - BACK_AGAIN_MS
    const waitMs = isAgain ? Math.min(before.waitMs * 2, BACK_AGAIN_MS) : BACK_MS
    const timer = clock.after(waitMs, () => this.#onBack(storageId))
    this.#back.set(storageId, { atMs: nowMs + waitMs, waitMs, timer })
  }

  /** It may lack whatever was changed while it was away. */
  #onBack(storageId: StorageId): void {
    const { topology, self } = this.#options
    const current = topology.current()
    for (const [partition, { replicas }] of current?.partitions.entries() ?? []) {
      if (replicas.includes(self) && replicas.includes(storageId)) this.#wanted.add(partition)
    }
    for (const id of this.#back.keys()) {
      if (current?.members.some((member) => member.storageId === id) !== true) {
        this.#back.get(id)?.timer.cancel()
        this.#back.delete(id)
      }
    }
    this.#run()
  }

  #run(): void {
    if (this.#running !== null || this.#aborter.signal.aborted) return
    this.#running = this.#work().finally(() => {
      this.#running = null
    })
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    try {
      for (const partition of this.#wanted) {
        this.#wanted.delete(partition)
        const current = this.#options.topology.current()
        if (current !== null) await this.#look(placeIn(current, '', partition))
      }
      if (this.#mayBeSwept) await this.#sweep(this.#options.topology.current())
    } catch (error) {
      if (!this.#aborter.signal.aborted) this.#logFailure({ error: String(error) })
    }
  }

  /** Rejects only when this node stops. */
  async #look(place: Place): Promise<void> {
    const { partition } = place
    const before = this.#later.get(partition)
    const from = before?.from ?? ''
    const look = new PartitionLook(this.#options, place, this.#aborter.signal)
    this.#looking = partition
    await look.run(from)
    this.#looking = null
    const { failures, stoppedAt, error } = look
    if (failures === 0 && from === '') {
      this.#later.delete(partition)
      return
    }
    const lastMs = before?.pauseMs ?? LATER_MS / 2
    const pauseMs = failures === 0 ? lastMs : Math.min(lastMs * 2, LATER_MS_MAX)
    const atMs = this.#options.clock.monotonicMs() + pauseMs
    this.#later.set(partition, { atMs, pauseMs, from: stoppedAt ?? '' })
    if (failures > 0) this.#logFailure({ partition, failures, error: String(error) })
  }

  #logFailure(fields: LogFields): void {
    this.#options.log.write('debug', 'paxos.upkeep-failed', fields)
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
}
