/** Names of what a node says of itself in numbers, whether or not it belongs to a cluster. */
import type { Metrics } from '../base/metrics.ts'
import { VERSION } from '../base/version.ts'
import type { Status } from './api.ts'

const STATES = Object.keys({
  unclaimed: true,
  joining: true,
  running: true,
  removed: true,
  leaving: true,
  stopping: true,
} satisfies Readonly<Record<Status['state'], true>>)

/** What is only known by looking. */
export interface NodeLevels {
  state(): Status['state']
  uptimeSeconds(): number
  warnings(): number
}

export function declareNodeMetrics(metrics: Metrics, node: NodeLevels): void {
  metrics.gauges(
    'atoll_node_info',
    'Always 1; its labels say which version runs.',
    ['version'],
    () => [[1, VERSION]],
  )
  metrics.gauges(
    'atoll_node_state',
    '1 for the state that the node is in, else 0.',
    ['state'],
    () => STATES.map((state) => [Number(state === node.state()), state]),
  )
  metrics.gauge('atoll_node_uptime_seconds', 'Since the node was opened.', () =>
    node.uptimeSeconds(),
  )
  metrics.gauge(
    'atoll_node_warnings',
    'Warnings in `atoll status`: what an operator should know.',
    () => node.warnings(),
  )
}
