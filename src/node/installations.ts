/**
 * A partition that moves is installed on this disk when every layer that keeps data there has said
 * so, each for itself, under the same configuration.
 */
export type Layer = 'store' | 'registers'
const LAYERS: readonly Layer[] = ['store', 'registers']

interface Progress {
  readonly cfg: number
  readonly layers: ReadonlySet<Layer>
}

export class Installations {
  readonly #report: (partition: number, cfg: number) => void
  /** At most one a partition. */
  readonly #progress = new Map<number, Progress>()

  constructor(report: (partition: number, cfg: number) => void) {
    this.#report = report
  }

  /** Again and again, as layers do: the report is made again as well. */
  installed(layer: Layer, partition: number, cfg: number): void {
    const before = this.#progress.get(partition)
    if (before !== undefined && before.cfg > cfg) return
    const layers = new Set(before?.cfg === cfg ? before.layers : []).add(layer)
    this.#progress.set(partition, { cfg, layers })
    if (layers.size === LAYERS.length) this.#report(partition, cfg)
  }
}
