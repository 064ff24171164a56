/** What a root would do next, and how far movements are: asked for by whoever wants to know. */
import type { PeerId, StorageId } from '../base/ids.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { decodeTopology, encodeTopology } from './codec.ts'
import { PARTITIONS_MAX, TOPOLOGY_BYTES_MAX } from './limits.ts'
import type { Topology } from './topology.ts'

export interface Outlook {
  /** The topology that it is about. */
  readonly current: Topology
  /** null when nothing would change. */
  readonly next: Topology | null
  /** One clause for each kind of change. */
  readonly reasons: readonly string[]
  /** By partition that moves: who has reported it as installed. */
  readonly installed: ReadonlyMap<number, readonly StorageId[]>
  /** The root that says so; '' while it is not sent. */
  readonly by: PeerId
}

const REASONS_MAX = 16
const REASON_BYTES_MAX = 256

export function encodeOutlook({ current, next, reasons, installed }: Outlook): Uint8Array {
  const out = new WireWriter().uint(current.number)
  out.list(reasons, (to, reason) => void to.string(reason))
  out.list([...installed], (to, [partition, by]) => {
    const { replicas } = current.partitions[partition] ?? { replicas: [] }
    const bits = replicas.reduce((sum, id, i) => sum + (by.includes(id) ? 2 ** i : 0), 0)
    to.uint(partition).uint(bits)
  })
  const record = next === null ? new Uint8Array() : encodeTopology(next)
  return out.bytes(record).finish()
}

/** The topology that must be known to read the rest. */
export function outlookNumber(bytes: Uint8Array): number {
  return new WireReader(bytes).uint()
}

/** `known` has the number of the message. Throws WireError. */
export function decodeOutlook(bytes: Uint8Array, known: Topology, by: PeerId): Outlook {
  const from = new WireReader(bytes)
  if (from.uint() !== known.number) throw new WireError('it is about another topology')
  const reasons = from.list(REASONS_MAX, (each) => each.string(REASON_BYTES_MAX))
  const installed = from.list(PARTITIONS_MAX, (each) => {
    const partition = each.uint(PARTITIONS_MAX - 1)
    const { replicas } = known.partitions[partition] ?? { replicas: [] }
    const bits = each.uint(2 ** replicas.length - 1)
    return [partition, replicas.filter((_, i) => (bits & (1 << i)) !== 0)] as const
  })
  const record = from.bytes(TOPOLOGY_BYTES_MAX)
  const next = record.length === 0 ? null : decodeTopology(record)
  return { current: known, next, reasons, installed: new Map(installed), by }
}
