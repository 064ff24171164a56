/** What every request to a replica begins with, of the store as of the registers. */
import { KEY_BYTES_MAX } from '../base/value.ts'
import { WireError, type WireReader, type WireWriter } from '../wire/codec.ts'

export interface Header {
  /** Number of the topology that the sender acts on: the receiver catches up to it first. */
  readonly topology: number
  readonly partition: number
  /** Configuration of the partition that the sender acts on. */
  readonly cfg: number
}

export const PARTITION_MAX = 65_535

export function writeHeader(out: WireWriter, header: Header): WireWriter {
  return out.uint(header.topology).uint(header.partition).uint(header.cfg)
}

/** Throws WireError. */
export function readHeader(from: WireReader): Header {
  return { topology: from.uint(), partition: from.uint(PARTITION_MAX), cfg: from.uint() }
}

/** Throws WireError. */
export function readKey(from: WireReader): string {
  const key = from.string(KEY_BYTES_MAX)
  if (key === '') throw new WireError('empty key')
  return key
}
