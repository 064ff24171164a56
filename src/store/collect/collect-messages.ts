/** What a collector and the other replicas say to each other. Every message is bounded. */
import { KEY_BYTES_MAX } from '../../base/value.ts'
import { PARTITION_MAX } from '../../topology/request-header.ts'
import { WireError, WireReader, WireWriter } from '../../wire/codec.ts'

/** Keys of one round. */
export const COLLECT_KEYS_MAX = 128
/** Of the sha256 of a record's bytes. */
export const RECORD_HASH_BYTES = 16

/** A key, and the record that is to go. */
export interface Doomed {
  readonly key: string
  readonly hash: Uint8Array
}

/** To confirm that these records are held and dead, or to drop them. */
export interface CollectRequest {
  /** The collector's; who knows a lower one catches up first. */
  readonly topology: number
  readonly partition: number
  readonly cfg: number
  readonly round: number
  readonly doomed: readonly Doomed[]
}

/** Which of the records, in their order; or the round that the replica is past already. */
export type Confirmation =
  | { readonly kind: 'took-part'; readonly confirmed: readonly boolean[] }
  | { readonly kind: 'past'; readonly round: number }

export function encodeCollectRequest(request: CollectRequest): Uint8Array {
  const { topology, partition, cfg, round, doomed } = request
  const out = new WireWriter().uint(topology).uint(partition).uint(cfg).uint(round)
  return out.list(doomed, (to, { key, hash }) => to.string(key).bytes(hash)).finish()
}

export function decodeCollectRequest(bytes: Uint8Array): CollectRequest {
  const from = new WireReader(bytes)
  const topology = from.uint()
  const partition = from.uint(PARTITION_MAX)
  const cfg = from.uint()
  const round = from.uint()
  const doomed = from.list(COLLECT_KEYS_MAX, (each) => {
    const key = each.string(KEY_BYTES_MAX)
    const hash = each.bytes(RECORD_HASH_BYTES)
    if (key === '' || hash.length !== RECORD_HASH_BYTES) throw new WireError('malformed record')
    return { key, hash }
  })
  if (round < 1) throw new WireError('rounds are numbered from 1')
  return { topology, partition, cfg, round, doomed }
}

export function encodeConfirmation(answer: Confirmation): Uint8Array {
  const out = new WireWriter().bool(answer.kind === 'took-part')
  if (answer.kind === 'past') return out.uint(answer.round).finish()
  return out.list(answer.confirmed, (to, isConfirmed) => to.bool(isConfirmed)).finish()
}

export function decodeConfirmation(bytes: Uint8Array): Confirmation {
  const from = new WireReader(bytes)
  if (!from.bool()) return { kind: 'past', round: from.uint() }
  return { kind: 'took-part', confirmed: from.list(COLLECT_KEYS_MAX, (each) => each.bool()) }
}
