/**
 * Brings the registers of a partition into its new configuration (REGISTERS.md §4, "rebalance"):
 *
 * 1. Seal and list. Each old replica answers only when it durably knows the new configuration, and
 *    then votes under the old one no more. What so many of them list that they meet every majority
 *    is all that was ever chosen.
 * 2. Each register of the union is proposed as it is, until it is chosen under the new configuration.
 * 3. The new replicas are told that everything is there. Each reports it, and a later topology
 *    ends the movement.
 *
 * It goes a page of the lists at a time: what it holds in memory does not grow with the registers. What
 * is behind it stays chosen, so after a failure it goes on from there.
 *
 * Anybody may do it, more than once and at the same time. The first new replica that is up does, and
 * goes on until every new replica that is up has been told.
 */
import { compareKeys, lowestKey } from '../base/bytes.ts'
import { isAtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import { inParallel } from '../base/in-parallel.ts'
import { type Clock, sleep, type Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import type { RegisterCounts } from './counts.ts'
import type { Electorate } from './electorate.ts'
import type { ListedPage } from './list-messages.ts'
import { blocking, type Place, placeIn } from './place.ts'
import type { Proposer } from './proposer.ts'
import type { Replica } from './replica.ts'

export interface MovementOptions {
  readonly counts: RegisterCounts
  readonly self: StorageId
  readonly replica: Replica
  readonly electorate: Electorate
  readonly proposer: Proposer
  readonly topology: TopologyView
  readonly clock: Clock
  readonly log: Log
  /** A partition that moves is installed here. */
  readonly onInstalled: (partition: number, cfg: number) => void
}

/** Partitions that are brought over at the same time, and registers of each. */
const PARTITIONS_AT_ONCE = 8
const REGISTERS_AT_ONCE = 32
const RETRY_MS = 500
const LIST_TIMEOUT_MS = 10_000
const INSTALL_TIMEOUT_MS = 5000
const REGISTER_TIMEOUT_MS = 10_000

export class Movement {
  readonly #options: MovementOptions
  /** By partition; only what moves. */
  readonly #progress = new Map<number, Progress>()
  readonly #aborter = new AbortController()
  #unsubscribe: (() => void) | null = null
  #timer: Timer | null = null
  #running: Promise<void> | null = null
  /** There may be more to do than the running work has seen. */
  #kicked = false

  constructor(options: MovementOptions) {
    this.#options = options
  }

  start(): void {
    const { topology } = this.#options
    this.#unsubscribe = topology.subscribe((next) => this.#onTopology(next))
    const current = topology.current()
    if (current !== null) this.#onTopology(current)
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#timer?.cancel()
    this.#aborter.abort()
    await this.#running
  }

  #onTopology(topology: Topology): void {
    const { self, replica, onInstalled } = this.#options
    for (const [partition, { cfg, replicas, prev }] of topology.partitions.entries()) {
      if (prev === null) {
        this.#progress.delete(partition)
      } else if (replicas.includes(self) && replica.states.durable(partition).installed === cfg) {
        // Said again after a restart: reports live in memory.
        onInstalled(partition, cfg)
      }
    }
    this.#kick()
  }

  #kick(): void {
    this.#kicked = true
    if (this.#running !== null || this.#aborter.signal.aborted) return
    this.#timer?.cancel()
    this.#timer = null
    this.#running = this.#run().finally(() => {
      this.#running = null
    })
  }

  async #run(): Promise<void> {
    let isLeft = true
    while (this.#kicked && !this.#aborter.signal.aborted) {
      this.#kicked = false
      isLeft = await this.#pass()
    }
    if (!isLeft || this.#aborter.signal.aborted) return
    this.#timer = this.#options.clock.after(RETRY_MS, () => this.#kick())
  }

  /** True when something is left that this node, or another after its end, has to do. */
  async #pass(): Promise<boolean> {
    const topology = this.#options.topology.current()
    if (topology === null) return false
    const moving = topology.partitions.flatMap(({ prev }, partition) =>
      prev === null ? [] : [placeIn(topology, '', partition)],
    )
    const { self, electorate } = this.#options
    const mine = moving.filter(
      (place) => electorate.first(place) === self && this.#untold(place).length > 0,
    )
    await inParallel(mine, PARTITIONS_AT_ONCE, (place) => this.#move(place))
    return moving.some(({ replicas }) => replicas.includes(self))
  }

  /** Replicas that are up and have not been told yet. */
  #untold(place: Place): StorageId[] {
    const { told } = this.#progressOf(place)
    const { electorate } = this.#options
    return place.replicas.filter((id) => !told.has(id) && electorate.isUsable(place.topology, id))
  }

  #progressOf({ partition, cfg }: Place): Progress {
    const known = this.#progress.get(partition)
    if (known?.cfg === cfg) return known
    const progress: Progress = { cfg, after: '', counterMax: 0, told: new Set() }
    this.#progress.set(partition, progress)
    return progress
  }

  async #move(place: Place): Promise<void> {
    const { partition, cfg } = place
    const progress = this.#progressOf(place)
    /** Who did not answer is not waited for again. */
    const silent = new Set<StorageId>()
    try {
      while (progress.after !== null) {
        const sealed = await this.#sealAndList(place, progress.after, silent)
        if (sealed === null) return
        await inParallel(sealed.keys, REGISTERS_AT_ONCE, (key) => this.#bringOver(key))
        progress.counterMax = Math.max(progress.counterMax, sealed.counterMax)
        progress.after = sealed.end
      }
      await this.#install(place, progress)
    } catch (error) {
      if (this.#aborter.signal.aborted) return
      const fields = { partition, cfg, error: String(error) }
      this.#options.log.write('debug', 'paxos.movement-failed', fields)
    }
  }

  /** A page of what the old replicas have, as far as all lists go. Null: too few of them answered. */
  async #sealAndList(place: Place, after: string, silent: Set<StorageId>): Promise<Sealed | null> {
    const { electorate } = this.#options
    const previous = place.previous ?? []
    const asked = previous.filter((id) => !silent.has(id))
    const pages = await Promise.all(
      asked.map(async (id) => {
        const page = await electorate.list(place, id, after, LIST_TIMEOUT_MS)
        if (page === null) silent.add(id)
        return page
      }),
    )
    const answered = pages.filter((page) => page !== null)
    if (answered.length < blocking(previous) || this.#aborter.signal.aborted) return null
    // A wild clock is not followed where the others are enough.
    const sane = answered.filter(({ counterMax }) => !electorate.isTooFarAhead(counterMax))
    return sealedBy(sane.length < blocking(previous) ? answered : sane)
  }

  /** Rejects when it is not chosen in time: then nothing may be called installed. */
  async #bringOver(key: string): Promise<void> {
    const { proposer, clock, counts } = this.#options
    const endMs = clock.monotonicMs() + REGISTER_TIMEOUT_MS
    const call = { operation: { kind: 'read' }, id: null, since: null } as const
    for (;;) {
      try {
        await proposer.propose(key, call, endMs)
        counts.broughtOver++
        return
      } catch (error) {
        if (!isAtollError(error, 'BUSY')) throw error
        await sleep(clock, RETRY_MS, this.#aborter.signal)
      }
    }
  }

  async #install(place: Place, { counterMax, told }: Progress): Promise<void> {
    const asks = this.#options.electorate.install(place, counterMax, INSTALL_TIMEOUT_MS)
    await Promise.all(
      asks.map(async (ask) => {
        const reply = await ask.send()?.catch(() => null)
        if (reply?.kind === 'answer') told.add(ask.id)
      }),
    )
  }
}

/** How far a partition has been brought into a configuration. */
interface Progress {
  readonly cfg: number
  /** Registers up to this key are chosen under the new configuration; null: all are. */
  after: string | null
  /** Of what was listed so far. */
  counterMax: number
  /** Replicas that know that all is there. */
  readonly told: Set<StorageId>
}

interface Sealed {
  readonly keys: ReadonlySet<string>
  readonly counterMax: number
  /** Here each of the lists has got to; null: all have been read. */
  readonly end: string | null
}

function sealedBy(pages: readonly ListedPage[]): Sealed {
  const end = lowestKey(pages.map(({ after }) => after))
  const keys = new Set<string>()
  for (const { votes } of pages) {
    for (const [key] of votes) if (end === null || compareKeys(key, end) <= 0) keys.add(key)
  }
  return { keys, counterMax: Math.max(...pages.map(({ counterMax }) => counterMax)), end }
}
