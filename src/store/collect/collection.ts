/** Collection put together: the sweep of what expires, the collector, and the side that is asked. */
import type { Change } from '../change.ts'
import { Collector, type CollectorOptions } from './collector.ts'
import { Confirmer, type ConfirmOptions } from './confirm.ts'
import { ExpirySweep, type ExpirySweepOptions } from './expiry-sweep.ts'

export type CollectionOptions = ConfirmOptions &
  Omit<CollectorOptions, 'confirmer' | 'onRevived'> &
  Omit<ExpirySweepOptions, 'onDead'>

export class Collection {
  readonly #collector: Collector
  readonly #sweep: ExpirySweep

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: CollectionOptions) {
    const confirmer = new Confirmer(options)
    this.#collector = new Collector({
      ...options,
      confirmer,
      onRevived: (times) => this.#sweep.expects(times),
    })
    this.#sweep = new ExpirySweep({
      ...options,
      onDead: (partition) => this.#collector.noteDead(partition),
    })
  }

  /** To be told in the turn in which it is durable. */
  changed(change: Change): void {
    this.#collector.changed(change)
    this.#sweep.changed(change)
  }

  /** What had to end before this time has been told. */
  get sweptMs(): number {
    return this.#sweep.sweptMs
  }

  async start(): Promise<void> {
    await this.#collector.start()
    this.#sweep.start()
  }

  async stop(): Promise<void> {
    await this.#sweep.stop()
    await this.#collector.stop()
  }
}
