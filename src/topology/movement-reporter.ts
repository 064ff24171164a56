/**
 * Says which moved partitions this node has installed, to whoever decides the topology, and says
 * it again until a topology shows the movement as finished (registers.md §4, step 4).
 *
 * What it holds is bounded by the partitions that move: a report that the topology has overtaken
 * is dropped, and one that it does not know yet waits. Nothing here is durable: after a restart
 * the store finds the partition installed and reports it anew.
 */
import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Installed, TopologyIssuer } from './issuer.ts'
import type { Topology, TopologyView } from './topology.ts'

/** Reports of one burst travel together. */
const BATCH_MS = 20
/** Long enough that a decided topology has come round, short enough not to hold movement up. */
const REPEAT_MS = 2000
/** Partitions in one message; the rest follows in the next. */
export const REPORT_ITEMS_MAX = 4096

export interface MovementReporterOptions {
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
  readonly #pending = new Map<number, number>()
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
    return this.#pending.size
  }

  /** All data of the partition is durable here under `cfg`. Never waits; call it as often as you like. */
  reportInstalled(partition: number, cfg: number): void {
    const topology = this.#options.topology.current()
    if (this.#unsubscribe === null || topology === null) return
    if (!isMoving(topology, partition, cfg) || this.#pending.get(partition) === cfg) return
    this.#pending.set(partition, cfg)
    this.installed++
    this.#arm(BATCH_MS)
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = null
    this.#timer?.cancel()
    this.#timer = null
    this.#pending.clear()
    await this.#sending
  }

  #onTopology(topology: Topology): void {
    for (const [partition, cfg] of this.#pending) {
      if (!isMoving(topology, partition, cfg)) this.#pending.delete(partition)
    }
  }

  #arm(delayMs: number): void {
    const atMs = this.#options.clock.monotonicMs() + delayMs
    if (this.#unsubscribe === null || atMs >= this.#timerAtMs) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      if (this.#pending.size === 0) return
      this.#arm(REPEAT_MS)
      this.#sending ??= this.#send().finally(() => {
        this.#sending = null
      })
    })
  }

  /** Never rejects: what failed is sent again. */
  async #send(): Promise<void> {
    const all: Installed[] = [...this.#pending].map(([partition, cfg]) => ({ partition, cfg }))
    try {
      for (let i = 0; i < all.length; i += REPORT_ITEMS_MAX) {
        await this.#options.issuer.report(all.slice(i, i + REPORT_ITEMS_MAX))
      }
    } catch (error) {
      this.#options.log.write('debug', 'topology.report-failed', { error: String(error) })
    }
  }
}

function isMoving(topology: Topology, partition: number, cfg: number): boolean {
  const state = topology.partitions[partition]
  return state !== undefined && state.cfg === cfg && state.prev !== null
}
