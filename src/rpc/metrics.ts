/** Names of what the server counts; see base/metrics.ts. */
import type { Labelled, Metrics } from '../base/metrics.ts'
import type { RpcCounts } from './counts.ts'

/** What is only known by looking: over all connections. */
export interface RpcLevels {
  readonly counts: RpcCounts
  readonly connections: number
  readonly inFlight: number
  readonly subscriptions: number
  /** Of replies and notifications that clients have not read yet. */
  readonly queuedBytes: number
}

export function declareRpcMetrics(metrics: Metrics, server: RpcLevels): void {
  const { counts } = server
  metrics.gauge('atoll_rpc_connections', 'Clients connected.', () => server.connections)
  metrics.counter('atoll_rpc_accepted_total', 'Clients accepted.', () => counts.accepted)
  metrics.counter(
    'atoll_rpc_turned_away_total',
    'Clients turned away: too many, or the daemon is stopping.',
    () => counts.turnedAway,
  )
  metrics.counter(
    'atoll_rpc_slow_clients_total',
    'Clients given up because they did not read their replies.',
    () => counts.slow,
  )
  metrics.gauge('atoll_rpc_calls_in_flight', 'Calls under way.', () => server.inFlight)
  metrics.histograms(
    'atoll_rpc_call_seconds',
    'Time of calls, failed ones included; its count is the calls that have ended.',
    ['method'],
    () => Array.from(counts.calls, ([method, histogram]) => [histogram, method] as const),
  )
  metrics.counters(
    'atoll_rpc_errors_total',
    'Calls and lines answered by an error.',
    ['code'],
    () => labelled(counts.errors),
  )
  metrics.gauge(
    'atoll_rpc_subscriptions',
    'Subscriptions that are open.',
    () => server.subscriptions,
  )
  metrics.counters('atoll_rpc_watches_total', 'Subscriptions begun.', ['method'], () =>
    labelled(counts.watches),
  )
  metrics.counter(
    'atoll_rpc_events_missed_total',
    'Events that subscribers missed because they did not read; each was told so.',
    () => counts.eventsMissed,
  )
  metrics.gauge(
    'atoll_rpc_queued_bytes',
    'Bytes of replies that clients have not read yet.',
    () => server.queuedBytes,
  )
}

function labelled(counts: ReadonlyMap<string, number>): Labelled<number>[] {
  return Array.from(counts, ([label, count]) => [count, label])
}
