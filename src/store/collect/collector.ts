/**
 * Collection: the first replica of a partition that holds dead keys asks all replicas to confirm and
 * then to drop them (README.md). Safety lies with those who are asked; this is when and what.
 *
 * It costs nothing while nothing is dead, and little otherwise: one round at a time on a node, a
 * bounded batch each, and a partition at most every half minute unless more can go at once.
 */
import type { PeerId, StorageId } from '../../base/ids.ts'
import type { Database, Write } from '../../disk/database.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { type Clock, sleep, type Timer } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { Random } from '../../seams/random.ts'
import type { Peers } from '../../topology/peers.ts'
import type { Topology, TopologyView } from '../../topology/topology.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import type { Change } from '../change.ts'
import type { StoreCounts } from '../counts.ts'
import type { Fences } from '../fences.ts'
import { databaseKey, placeIn } from '../place.ts'
import { isDead, recordIfSound } from '../record.ts'
import {
  COLLECT_KEYS_MAX,
  type CollectRequest,
  type Confirmation,
  decodeConfirmation,
  type Doomed,
  encodeCollectRequest,
} from './collect-messages.ts'
import { type Confirmer, isOver, recordHash } from './confirm.ts'
import {
  DEAD_RANGE,
  deadEnd,
  deadOf,
  deadPrefix,
  deadRow,
  expiriesOf,
  expiryRow,
} from './index-rows.ts'

export interface CollectorOptions {
  readonly self: StorageId
  readonly database: Database
  readonly fences: Fences
  readonly confirmer: Confirmer
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly peers: Peers
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly counts: StoreCounts
  /** A replica does not hold what others do. */
  readonly onDiffering: (partition: number, replica: StorageId) => void
  /** Values of before are alive again, and will expire at these times: the clock has fallen back. */
  readonly onRevived: (times: readonly number[]) => void
}

/** A partition that holds something dead is looked at this often; half of it and up to as much more. */
const PERIOD_MS = 30_000
/** Between two rounds, so that nobody else waits for long. */
const PAUSE_MS = 20
/** Batches of one partition in one look. */
const BATCHES_MAX = 64
const TIMEOUT_MS = 10_000

/** The other replicas of a partition; null: not all of them can be asked, or this is not the first. */
interface Quorum {
  readonly topology: Topology
  readonly cfg: number
  readonly others: readonly (readonly [StorageId, PeerId])[]
}

export class Collector {
  readonly #options: CollectorOptions
  /** With dead keys here, as far as is known: at most all. Those without are taken out by a look. */
  readonly #partitions = new Set<number>()
  /** Where the next batch of a partition begins, so that what cannot go holds up nothing else. */
  readonly #after = new Map<number, string>()
  readonly #aborter = new AbortController()
  #timer: Timer | null = null
  #running: Promise<void> | null = null

  constructor(options: CollectorOptions) {
    this.#options = options
  }

  /** Looks at what an earlier run left. */
  async start(): Promise<void> {
    const { database } = this.#options
    for (let from: string | null = DEAD_RANGE.from; from !== null; ) {
      const range = { from, to: DEAD_RANGE.to, limit: 1 }
      from = null
      for await (const [row] of database.scan(range)) {
        const { partition } = deadOf(row)
        this.noteDead(partition)
        from = deadEnd(partition)
      }
    }
  }

  async stop(): Promise<void> {
    this.#aborter.abort()
    this.#timer?.cancel()
    await this.#running
  }

  /** To be told in the turn in which it is durable. */
  changed({ partition, after }: Change): void {
    if (after !== null && isDead(after.record, 0)) this.noteDead(partition)
  }

  noteDead(partition: number): void {
    this.#partitions.add(partition)
    this.#arm()
  }

  #arm(): void {
    if (this.#timer !== null || this.#running !== null || this.#aborter.signal.aborted) return
    const { clock, random } = this.#options
    this.#timer = clock.after(PERIOD_MS * (0.5 + random.float()), () => {
      this.#timer = null
      this.#running = this.#collect()
    })
  }

  /** Never rejects. */
  async #collect(): Promise<void> {
    const { log, clock, counts } = this.#options
    const { signal } = this.#aborter
    // What comes meanwhile has its turn later.
    const partitions = Array.from(this.#partitions)
    for (const partition of partitions) {
      if (signal.aborted) return
      try {
        if (await this.#collectPartition(partition)) await sleep(clock, PAUSE_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        counts.collectionsFailed++
        log.write('debug', 'store.collection-failed', { partition, error: String(error) })
      }
    }
    this.#running = null
    if (this.#partitions.size > 0) this.#arm()
  }

  /** False when nothing was read or asked. */
  async #collectPartition(partition: number): Promise<boolean> {
    if (this.#quorum(partition) === null) return this.#tidy(partition)
    for (let batch = 0; batch < BATCHES_MAX; batch++) {
      const { doomed, isLast } = await this.#candidates(partition)
      if (doomed.length > 0) {
        const collected = await this.#round(partition, doomed)
        this.#options.counts.collectionRounds++
        if (collected === 0) return true
      }
      if (isLast) return true
      await sleep(this.#options.clock, PAUSE_MS, this.#aborter.signal)
    }
    return true
  }

  /** Others collect it, or nobody holds it here any more: rows go with what they stand for. */
  async #tidy(partition: number): Promise<boolean> {
    const { database, topology, self } = this.#options
    const current = topology.current()
    if (current !== null && !placeIn(current, '', partition).targets.includes(self)) {
      await this.#candidates(partition)
      return true
    }
    const range = { from: deadPrefix(partition), to: deadEnd(partition), limit: 1 }
    for await (const _ of database.scan(range)) return false
    this.#partitions.delete(partition)
    return true
  }

  #quorum(partition: number): Quorum | null {
    const { self, peers } = this.#options
    const topology = this.#options.topology.current()
    const state = topology?.partitions[partition]
    if (topology === null || state === undefined) return null
    const { cfg, prev, former, replicas } = state
    if (prev !== null || former.length > 0 || replicas[0] !== self) return null
    const others: (readonly [StorageId, PeerId])[] = []
    for (const id of replicas.slice(1)) {
      const peer = peers.usable(topology, id)
      if (peer === undefined) return null
      others.push([id, peer])
    }
    return { topology, cfg, others }
  }

  /** The next batch of what is over here; rows that stand for nothing dead go. */
  async #candidates(partition: number): Promise<{ doomed: Doomed[]; isLast: boolean }> {
    const { database, clock, onRevived } = this.#options
    const after = this.#after.get(partition) ?? ''
    const prefix = deadPrefix(partition)
    const from = after === '' ? prefix : `${prefix}${after}\0`
    const keys: string[] = []
    const range = { from, to: deadEnd(partition), limit: COLLECT_KEYS_MAX }
    for await (const [row] of database.scan(range)) keys.push(deadOf(row).key)
    const isLast = keys.length < COLLECT_KEYS_MAX
    if (isLast) this.#after.delete(partition)
    else this.#after.set(partition, keys.at(-1) ?? '')
    if (keys.length === 0 && after === '') this.#partitions.delete(partition)
    const doomed: Doomed[] = []
    const writes: Write[] = []
    const revived: number[] = []
    for (const key of keys) {
      const bytes = database.latest(databaseKey(partition, key))
      const record = recordIfSound(bytes)
      if (bytes === undefined || record === null || !isDead(record, clock.wallMs())) {
        const times = record === null ? [] : expiriesOf(record)
        writes.push({ ...deadRow(partition, key), value: null })
        writes.push(...times.map((atMs) => expiryRow({ atMs, partition, key })))
        revived.push(...times)
      } else if (isOver(record, clock)) {
        doomed.push({ key, hash: recordHash(bytes) })
      }
    }
    if (writes.length > 0) await database.commit(writes)
    if (revived.length > 0) onRevived(revived)
    return { doomed, isLast }
  }

  /** Returns how many were dropped. */
  async #round(partition: number, doomed: readonly Doomed[]): Promise<number> {
    const quorum = this.#quorum(partition)
    if (quorum === null) return 0
    const { confirmer, fences, onDiffering } = this.#options
    const { topology, cfg, others } = quorum
    const round = fences.highest(partition, cfg) + 1
    const request = { topology: topology.number, partition, cfg, round, doomed }
    const answers = await Promise.all([
      confirmer.confirm(request),
      ...others.map(([, peer]) => this.#askToConfirm(peer, request)),
    ])
    const words: (readonly boolean[])[] = []
    for (const [i, answer] of answers.entries()) {
      if (answer.kind === 'past') {
        // Others collected before: the next round begins above theirs.
        await fences.raise(partition, cfg, answer.round, () => undefined)
        return 0
      }
      words.push(answer.confirmed)
      const differs = answer.confirmed.some((isConfirmed) => !isConfirmed)
      const id = others[i - 1]?.[0]
      if (differs && id !== undefined) onDiffering(partition, id)
    }
    const dropped = doomed.filter((_, i) => words.every((word) => word[i] === true))
    if (dropped.length === 0) return 0
    const order = { ...request, doomed: dropped }
    // Who does not hear of it keeps its record, which comes back and is collected later.
    const asked = others.map(([, peer]) => this.#ask(REQUEST_KINDS.KV_COLLECT_DROP, peer, order))
    await Promise.allSettled(asked)
    await confirmer.drop(order)
    return dropped.length
  }

  async #askToConfirm(peer: PeerId, request: CollectRequest): Promise<Confirmation> {
    return decodeConfirmation(await this.#ask(REQUEST_KINDS.KV_COLLECT_CONFIRM, peer, request))
  }

  #ask(kind: number, peer: PeerId, request: CollectRequest): Promise<Uint8Array> {
    const { signal } = this.#aborter
    const options = { timeoutMs: TIMEOUT_MS, trafficClass: 'bulk', signal } as const
    return this.#options.mesh.request(peer, kind, encodeCollectRequest(request), options)
  }
}
