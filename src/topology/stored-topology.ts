/** Where a topology lies on a disk. */
import { AtollError } from '../base/errors.ts'
import type { Database, Write } from '../disk/database.ts'
import { decodeTopology } from './codec.ts'
import type { Topology } from './topology.ts'

const KEY = 'topology/current'

/** The topology on this disk, null when there is none. Throws AtollError DISK_DAMAGED. */
export function storedTopology(
  database: Database,
): { readonly topology: Topology; readonly bytes: Uint8Array } | null {
  const bytes = database.get(KEY)
  if (bytes === undefined) return null
  try {
    return { topology: decodeTopology(bytes), bytes }
  } catch (cause) {
    throw new AtollError('DISK_DAMAGED', 'the stored topology cannot be read', { cause })
  }
}

/** Makes these bytes the topology of a disk. */
export function topologyWrite(bytes: Uint8Array): Write {
  return { key: KEY, value: bytes }
}
