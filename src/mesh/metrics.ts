/** Names of what the mesh counts; see base/metrics.ts. */
import type { Labelled, Metrics } from '../base/metrics.ts'
import type { TrafficClass } from '../seams/network.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { MeshCounts, Traffic } from './counts.ts'
import type { MeshNode } from './mesh-node.ts'

const CLASSES: readonly TrafficClass[] = ['gossip', 'request', 'bulk']
const CALL_CLASSES = ['request', 'bulk'] as const
const KIND_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(REQUEST_KINDS).map(([name, kind]) => [kind, name.toLowerCase()]),
)

export function declareMeshMetrics(metrics: Metrics, mesh: MeshNode): void {
  const { counts } = mesh
  metrics.gauge('atoll_mesh_peers', 'Peers remembered, connected or not.', () => mesh.peerCount)
  declareTraffic(metrics, counts)
  declareLinks(metrics, counts)
  declareCalls(metrics, mesh)
  declareServing(metrics, mesh)
}

function declareTraffic(metrics: Metrics, { traffic }: MeshCounts): void {
  const byClass = (pick: (of: Traffic) => number) => (): Labelled<number>[] =>
    CLASSES.map((name) => [pick(traffic[name]), name])
  metrics.gauges(
    'atoll_mesh_links',
    'Links that have said hello and are open.',
    ['class'],
    byClass(({ links }) => links),
  )
  metrics.counters(
    'atoll_mesh_frames_sent_total',
    'Frames sent on links.',
    ['class'],
    byClass(({ framesSent }) => framesSent),
  )
  metrics.counters(
    'atoll_mesh_frames_received_total',
    'Frames received on links.',
    ['class'],
    byClass(({ framesReceived }) => framesReceived),
  )
  metrics.counters(
    'atoll_mesh_sent_bytes_total',
    'Bytes of frames sent, encryption not counted.',
    ['class'],
    byClass(({ bytesSent }) => bytesSent),
  )
  metrics.counters(
    'atoll_mesh_received_bytes_total',
    'Bytes of frames received, encryption not counted.',
    ['class'],
    byClass(({ bytesReceived }) => bytesReceived),
  )
}

function declareLinks(metrics: Metrics, counts: MeshCounts): void {
  metrics.counters(
    'atoll_mesh_links_ended_total',
    'Links that ended: retired or left in good order, broken, or dropped by this side.',
    ['how'],
    () => labelled(Object.entries(counts.linksEnded)),
  )
  metrics.counters('atoll_mesh_dials_total', 'Dials of peers.', ['outcome'], () =>
    labelled(Object.entries(counts.dials)),
  )
  metrics.counters(
    'atoll_mesh_refused_total',
    'Hellos that came to nothing and frames that were turned away, here or there.',
    ['code'],
    () => labelled(counts.refused),
  )
  metrics.counter(
    'atoll_mesh_datagrams_dropped_total',
    'Gossip messages given up: the queue was full, or the peer out of reach.',
    () => counts.datagramsDropped,
  )
}

function declareCalls(metrics: Metrics, mesh: MeshNode): void {
  const { counts } = mesh
  metrics.counter(
    'atoll_mesh_calls_total',
    'Requests to peers that were taken on.',
    () => counts.calls,
  )
  metrics.counter(
    'atoll_mesh_calls_refused_total',
    'Requests to peers refused at once: too much waits, or the peer is out of reach.',
    () => counts.callsRefused,
  )
  metrics.gauges('atoll_mesh_calls_in_flight', 'Requests to peers under way.', ['class'], () =>
    CALL_CLASSES.map((name) => [mesh.load(name).calls, name]),
  )
  metrics.gauges(
    'atoll_mesh_queued_bytes',
    'Bytes of requests and answers that wait for a link to take them.',
    ['class'],
    () => CALL_CLASSES.map((name) => [mesh.load(name).queuedBytes, name]),
  )
}

function declareServing(metrics: Metrics, mesh: MeshNode): void {
  const { counts } = mesh
  metrics.gauge(
    'atoll_mesh_serving',
    'Requests of peers that are being worked on.',
    () => mesh.serving,
  )
  metrics.counters('atoll_mesh_served_total', 'Requests of peers taken on.', ['kind'], () =>
    labelled(
      Array.from(counts.served, ([kind, n]) => [KIND_NAMES.get(kind) ?? String(kind), n] as const),
    ),
  )
  metrics.counters(
    'atoll_mesh_served_refused_total',
    'Requests of peers refused: too many of one peer, unknown, or this node is stopping.',
    ['code'],
    () => labelled(counts.servedRefused),
  )
}

function labelled(entries: Iterable<readonly [string, number]>): Labelled<number>[] {
  return Array.from(entries, ([label, count]) => [count, label])
}
