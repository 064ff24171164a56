/** What a node that watches and a disk that tells say to each other, as bytes. */
import { KEY_BYTES_MAX } from '../../base/value.ts'
import { WireReader, WireWriter } from '../../wire/codec.ts'
import { FEED_HOLD_MS, FEED_PAGE_ENTRIES, RECORD_BYTES_MAX } from '../limits.ts'

export interface FeedQuestion {
  /** Of the asker: what it asked before for the same stream ends, if it still waits. */
  readonly stream: number
  readonly prefix: string
  /** As an answer named it; 0: where is the end now? */
  readonly run: number
  /** The last change that is known. */
  readonly after: number
  /** How long the answer may wait until there is something to tell. */
  readonly holdMs: number
}

export interface FeedEntry {
  /** Grows with each change of the disk. */
  readonly seq: number
  readonly key: string
  /** Wall time of the disk when values ran out; 0: it tells of a write. */
  readonly expiredAtMs: number
  /** All that the disk holds of the key; empty: nothing any more. */
  readonly record: Uint8Array
}

export interface FeedAnswer {
  /** Of the disk's memory of changes: another one remembers nothing of those before. */
  readonly run: number
  /** Up to here all is told; the next question names it. */
  readonly upTo: number
  /** Changes between the one that the question names and `upTo` are forgotten. */
  readonly isLost: boolean
  readonly entries: readonly FeedEntry[]
}

/** Nobody waits for an answer to what was asked for the stream before. */
export function feedEnd(stream: number): FeedQuestion {
  return { stream, prefix: '', run: 0, after: 0, holdMs: 0 }
}

export function encodeFeedQuestion(question: FeedQuestion): Uint8Array {
  const { stream, prefix, run, after, holdMs } = question
  return new WireWriter().uint(stream).string(prefix).uint(run).uint(after).uint(holdMs).finish()
}

/** Throws WireError. */
export function decodeFeedQuestion(bytes: Uint8Array): FeedQuestion {
  const from = new WireReader(bytes)
  const stream = from.uint()
  const prefix = from.string(KEY_BYTES_MAX)
  return { stream, prefix, run: from.uint(), after: from.uint(), holdMs: from.uint(FEED_HOLD_MS) }
}

export function encodeFeedAnswer({ run, upTo, isLost, entries }: FeedAnswer): Uint8Array {
  return new WireWriter()
    .uint(run)
    .uint(upTo)
    .bool(isLost)
    .list(entries, (to, { seq, key, expiredAtMs, record }) =>
      to.uint(seq).string(key).uint(expiredAtMs).bytes(record),
    )
    .finish()
}

/** Throws WireError. */
export function decodeFeedAnswer(bytes: Uint8Array): FeedAnswer {
  const from = new WireReader(bytes)
  const run = from.uint()
  const upTo = from.uint()
  const isLost = from.bool()
  const entries = from.list(FEED_PAGE_ENTRIES, (each) => ({
    seq: each.uint(),
    key: each.string(KEY_BYTES_MAX),
    expiredAtMs: each.uint(),
    record: each.bytes(RECORD_BYTES_MAX),
  }))
  return { run, upTo, isLost, entries }
}
