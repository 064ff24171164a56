/** What the mesh has counted since it was made; read by metrics.ts. */
import type { ErrorCode } from '../base/errors.ts'
import type { NetworkErrorKind, TrafficClass } from '../seams/network.ts'
import type { Gone } from './mesh-link.ts'

/** Over all links of one traffic class, hellos and FINs included. */
export class Traffic {
  links = 0
  framesSent = 0
  framesReceived = 0
  bytesSent = 0
  bytesReceived = 0
}

export class MeshCounts {
  /** Admission has a dialogue of its own (`join`), which is not counted. */
  readonly traffic: Readonly<Record<TrafficClass, Traffic>> = {
    gossip: new Traffic(),
    request: new Traffic(),
    bulk: new Traffic(),
    join: new Traffic(),
  }
  readonly linksEnded: Record<Gone, number> = { retired: 0, left: 0, broken: 0, dropped: 0 }
  readonly dials: Record<'ok' | NetworkErrorKind, number> = {
    ok: 0,
    refused: 0,
    timeout: 0,
    unreachable: 0,
    denied: 0,
    stopped: 0,
  }
  /** Hellos and frames that were turned away, here or by the other side. Bounded by the codes. */
  readonly refused = new Map<ErrorCode, number>()
  calls = 0
  /** Calls that were not taken: too many wait already, or the peer was dialled in vain just now. */
  callsRefused = 0
  /** Datagrams given up because the queue was full or the peer out of reach. */
  datagramsDropped = 0
  /** By kind; bounded by the kinds that have a handler. */
  readonly served = new Map<number, number>()
  /** Requests of others that were not served; bounded by the codes. */
  readonly servedRefused = new Map<ErrorCode, number>()
}

export function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
