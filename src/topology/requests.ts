/** Bodies of the requests that members send to the roots, and of the answers. */
import { isId, type StorageId } from '../base/ids.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import type { Emptied, Installed } from './issuer.ts'
import { PARTITIONS_MAX } from './limits.ts'
import type { Move } from './manual-move.ts'
import { REPORT_ITEMS_MAX } from './movement-reporter.ts'

/** What a replica says of partitions that have come, and of those that have gone. */
export interface Report {
  readonly installed: readonly Installed[]
  readonly emptied: readonly Emptied[]
}

export function encodeReport({ installed, emptied }: Report): Uint8Array {
  const out = new WireWriter()
  for (const list of [installed, emptied]) {
    out.list(list, (to, { partition, cfg }) => void to.uint(partition).uint(cfg))
  }
  return out.finish()
}

export function decodeReport(bytes: Uint8Array): Report {
  const from = new WireReader(bytes)
  const read = () =>
    from.list(REPORT_ITEMS_MAX, (each) => {
      const partition = each.uint(PARTITIONS_MAX - 1)
      return { partition, cfg: each.uint() }
    })
  return { installed: read(), emptied: read() }
}

export function encodeRemoval(storageId: StorageId): Uint8Array {
  return new WireWriter().string(storageId).finish()
}

export function decodeRemoval(bytes: Uint8Array): StorageId {
  const storageId = new WireReader(bytes).string(64)
  if (!isId(storageId)) throw new WireError('malformed storage id')
  return storageId
}

export function encodeMove({ partition, from, to }: Move): Uint8Array {
  return new WireWriter().uint(partition).string(from).string(to).finish()
}

export function decodeMove(bytes: Uint8Array): Move {
  const reader = new WireReader(bytes)
  const partition = reader.uint(PARTITIONS_MAX - 1)
  const from = reader.string(64)
  const to = reader.string(64)
  if (!isId(from) || !isId(to)) throw new WireError('malformed storage id')
  return { partition, from, to }
}

/** Most answers are the number of a topology. */
export function encodeNumber(number: number): Uint8Array {
  return new WireWriter().uint(number).finish()
}

export function decodeNumber(bytes: Uint8Array): number {
  return new WireReader(bytes).uint()
}
