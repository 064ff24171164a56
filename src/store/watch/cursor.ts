/**
 * Where a watch is: of each run of a disk's feed the last change that was taken in, and which events
 * were told last. It names runs and no disks, since a run is of one disk for ever. So it is good at
 * any node of the cluster, and with any prefix.
 *
 * The copies of what was told last are still under way at other replicas. Without the marks of these
 * events every watch would begin with what its reader saw last.
 */
import { crc32 } from 'node:zlib'
import { AtollError } from '../../base/errors.ts'
import { REPLICATION_FACTOR_MAX } from '../../topology/limits.ts'
import { WireError, WireReader, WireWriter } from '../../wire/codec.ts'
import { CURSOR_RUNS_MAX } from '../limits.ts'

/**
 * What a watch knows of all that a disk holds. `doubted`: some of it may not have been told. `heard`:
 * what changed there since the watch began was told. `proven`: what it held before was listed or told too.
 */
export type Standing = (typeof STANDINGS)[number]

/** Where a watch is in one run. */
export interface RunPlace {
  /** The last change that was taken in. */
  readonly seq: number
  readonly standing: Standing
}

export interface Cursor {
  readonly runs: ReadonlyMap<number, RunPlace>
  /** Marks of the last events, oldest first. */
  readonly marks: readonly number[]
  /** So many disks that were heard are more than a list could leave out; 0: not said. */
  readonly enough: number
}

/** Events told last whose marks a cursor has: copies come within a moment. */
export const MARKS = 8
const STANDINGS = ['doubted', 'heard', 'proven'] as const
const FORMAT = 2
const CHECKSUM_BYTES = 4

export function cursorText({ runs, marks, enough }: Cursor): string {
  const out = new WireWriter()
    .uint(FORMAT)
    .list([...runs], (to, [run, { seq, standing }]) =>
      to.uint(run).uint(seq).uint(STANDINGS.indexOf(standing)),
    )
    .list(marks, (to, mark) => to.uint(mark))
    .uint(enough)
  const bytes = out.finish()
  const text = Buffer.alloc(bytes.length + CHECKSUM_BYTES)
  text.set(bytes)
  text.writeUInt32LE(crc32(bytes), bytes.length)
  return text.toString('base64url')
}

/** Throws AtollError USAGE. */
export function cursorOf(text: string): Cursor {
  try {
    return decoded(Buffer.from(text, 'base64url'))
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause
    throw new AtollError('USAGE', `"${text.slice(0, 40)}" is no cursor of a watch`, {
      hint: 'give back the cursor of an event, unchanged',
    })
  }
}

function decoded(bytes: Buffer): Cursor {
  const end = bytes.length - CHECKSUM_BYTES
  if (end < 0 || bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) {
    throw new WireError('the checksum of the cursor does not match')
  }
  const from = new WireReader(bytes.subarray(0, end))
  const format = from.uint()
  if (format !== FORMAT) throw new WireError(`cursor of unknown format ${format}`)
  const runs = new Map(
    from.list(CURSOR_RUNS_MAX, (each) => {
      const run = each.uint()
      const seq = each.uint()
      const standing = STANDINGS[each.uint(STANDINGS.length - 1)] ?? 'doubted'
      return [run, { seq, standing }] as const
    }),
  )
  const marks = from.list(MARKS, (each) => each.uint())
  // It was not said from the beginning.
  return { runs, marks, enough: from.done ? 0 : from.uint(REPLICATION_FACTOR_MAX) }
}
