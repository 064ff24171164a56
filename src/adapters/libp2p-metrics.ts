/**
 * What libp2p counts of itself, for a daemon whose metrics are collected. Load this file only then:
 * its packages cost memory, and libp2p wraps every stream to count what passes (README).
 */
import type { ComponentLogger, Metrics } from '@libp2p/interface'
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { Registry } from 'prom-client'

export type Libp2pMetricsFactory = (components: { readonly logger: ComponentLogger }) => Metrics

/** The rest is of Node.js and the machine, which the daemon tells itself or others tell better. */
const OURS = 'libp2p_'

export class Libp2pMetrics {
  /** Of the newest libp2p: a node that joins another cluster has a new one. */
  #registry = new Registry()

  readonly factory: Libp2pMetricsFactory = (components) => {
    this.#registry = new Registry()
    return prometheusMetrics({ registry: this.#registry, collectDefaultMetrics: false })(components)
  }

  /** In the format that Prometheus reads. */
  async text(): Promise<string> {
    const registry = this.#registry
    const names = registry.getMetricsAsArray().map(({ name }) => name)
    const ours = names.filter((name) => name.startsWith(OURS))
    const texts = await Promise.all(ours.map((name) => registry.getSingleMetricAsString(name)))
    return texts.map((text) => `${text}\n`).join('')
  }
}
