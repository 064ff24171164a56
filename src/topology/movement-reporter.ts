/**
 * Says which moved partitions this node has installed, and of which former ones it holds nothing
 * any more, to whoever decides the topology, and says it again until a topology shows it
 * (REGISTERS.md §4, step 4; former.ts).
 *
 * What it holds is bounded by the partitions that the topology says this of: a report that the
 * topology has overtaken is dropped, and one that it does not know yet waits. Nothing here is
 * durable: after a restart the store finds the same again and reports it anew.
 */
import type { StorageId } from '../base/ids.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Emptied, Installed, TopologyIssuer } from './issuer.ts'
import type { Topology, TopologyView } from './topology.ts'

/** Reports of one burst travel together. */
const BATCH_MS = 20
/** Long enough that a decided topology has come round, short enough not to hold movement up. */
const REPEAT_MS = 2000
const REPEAT_EMPTIED_MS = 10_000
/** Partitions of a kind in one message; the rest follows in the next. */
export const REPORT_ITEMS_MAX = 4096

export interface MovementReporterOptions {
  /** '' on an edge. */
  readonly self: StorageId
  readonly topology: TopologyView
  readonly issuer: Pick<TopologyIssuer, 'report'>
  readonly clock: Clock
  readonly log: Log
}

export class MovementReporter {
  /** Partitions found complete since the start; for metrics. */
  installed = 0
  readonly #options: MovementReporterOptions
  /** Partition to cfg; at most one entry a partition. */
  readonly #installed = new Map<number, number>()
  /** As `#installed`. */
  readonly #emptied = new Map<number, number>()
  #unsubscribe: (() => void) | null
  #timer: Timer | null = null
  #timerAtMs = Number.POSITIVE_INFINITY
  #sending: Promise<void> | null = null

  constructor(options: MovementReporterOptions) {
    this.#options = options
    this.#unsubscribe = options.topology.subscribe((topology) => this.#onTopology(topology))
  }

  /** Reports waiting for a topology that shows them. */
  get pending(): number {
    return this.#installed.size + this.#emptied.size
  }

  /** All data of the partition is durable here under `cfg`. Never waits; call it as often as you like. */
  reportInstalled(partition: number, cfg: number): void {
    const topology = this.#options.topology.current()
    if (this.#unsubscribe === null || topology === null) return
    if (!isMoving(topology, partition, cfg) || this.#installed.get(partition) === cfg) return
    this.#installed.set(partition, cfg)
    this.installed++
    this.#arm(BATCH_MS)
  }

  /** Nothing of the partition is here any more under `cfg`, and all was offered. As above. */
  reportEmptied(partition: number, cfg: number): void {
    const topology = this.#options.topology.current()
    if (this.#unsubscribe === null || topology === null) return
    if (!this.#isFormer(topology, partition, cfg) || this.#emptied.get(partition) === cfg) return
    this.#emptied.set(partition, cfg)
    this.#arm(BATCH_MS)
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = null
    this.#timer?.cancel()
    this.#timer = null
    this.#installed.clear()
    this.#emptied.clear()
    await this.#sending
  }

  #onTopology(topology: Topology): void {
    for (const [partition, cfg] of this.#installed) {
      if (!isMoving(topology, partition, cfg)) this.#installed.delete(partition)
    }
    for (const [partition, cfg] of this.#emptied) {
      if (!this.#isFormer(topology, partition, cfg)) this.#emptied.delete(partition)
    }
  }

  #isFormer({ partitions }: Topology, partition: number, cfg: number): boolean {
    const state = partitions[partition]
    return state?.cfg === cfg && state.former.includes(this.#options.self)
  }

  #arm(delayMs: number): void {
    const atMs = this.#options.clock.monotonicMs() + delayMs
    if (this.#unsubscribe === null || atMs >= this.#timerAtMs) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      if (this.pending === 0) return
      // Nobody waits for the end of an old copy as for that of a movement.
      this.#arm(this.#installed.size > 0 ? REPEAT_MS : REPEAT_EMPTIED_MS)
      this.#sending ??= this.#send().finally(() => {
        this.#sending = null
      })
    })
  }

  /** Never rejects: what failed is sent again. */
  async #send(): Promise<void> {
    const installed = [...this.#installed].map(toReport)
    const emptied = [...this.#emptied].map(toReport)
    const count = Math.max(installed.length, emptied.length)
    try {
      for (let i = 0; i < count; i += REPORT_ITEMS_MAX) {
        const end = i + REPORT_ITEMS_MAX
        await this.#options.issuer.report(installed.slice(i, end), emptied.slice(i, end))
      }
    } catch (error) {
      this.#options.log.write('debug', 'topology.report-failed', { error: String(error) })
    }
  }
}

function toReport([partition, cfg]: readonly [number, number]): Installed & Emptied {
  return { partition, cfg }
}

function isMoving(topology: Topology, partition: number, cfg: number): boolean {
  const state = topology.partitions[partition]
  return state !== undefined && state.cfg === cfg && state.prev !== null
}
