/** What a node that watches and a disk that tells say to each other, as bytes. */
import { KEY_BYTES_MAX } from '../../base/value.ts'
import { WireReader, WireWriter } from '../../wire/codec.ts'
import { PARTITION_MAX } from '../../topology/request-header.ts'
import { FINGERPRINT_LIMIT } from '../fingerprint.ts'
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
  /** Partitions of which it tells since one of these changes, and did not before. */
  readonly came: readonly number[]
}

/** Of a disk: what all of some partitions is that is there now. */
export interface RootsQuestion extends Pick<FeedQuestion, 'prefix' | 'run' | 'after'> {
  readonly partitions: readonly number[]
}

export interface RootsAnswer {
  readonly run: number
  /** The last change up to now that concerns the prefix; at least the one that the question names. */
  readonly upTo: number
  readonly wallMs: number
  /** Values that had to end before this time have been told of, in what is up to there. */
  readonly sweptMs: number
  /** Of the partitions asked for, those of their hash trees; null: not known, or it does not tell of it. */
  readonly roots: readonly (number | null)[]
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

export function encodeFeedAnswer(answer: FeedAnswer): Uint8Array {
  const { run, upTo, isLost, entries, came } = answer
  return new WireWriter()
    .uint(run)
    .uint(upTo)
    .bool(isLost)
    .list(entries, (to, { seq, key, expiredAtMs, record }) =>
      to.uint(seq).string(key).uint(expiredAtMs).bytes(record),
    )
    .list(came, (to, partition) => to.uint(partition))
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
  const came = from.list(FEED_PAGE_ENTRIES, (each) => each.uint(PARTITION_MAX))
  return { run, upTo, isLost, entries, came }
}

export function encodeRootsQuestion(question: RootsQuestion): Uint8Array {
  const { prefix, run, after, partitions } = question
  const out = new WireWriter().string(prefix).uint(run).uint(after)
  return out.list(partitions, (to, partition) => to.uint(partition)).finish()
}

/** Throws WireError. */
export function decodeRootsQuestion(bytes: Uint8Array): RootsQuestion {
  const from = new WireReader(bytes)
  const prefix = from.string(KEY_BYTES_MAX)
  const [run, after] = [from.uint(), from.uint()]
  const partitions = from.list(PARTITION_MAX + 1, (each) => each.uint(PARTITION_MAX))
  return { prefix, run, after, partitions }
}

export function encodeRootsAnswer(answer: RootsAnswer): Uint8Array {
  const { run, upTo, wallMs, sweptMs, roots } = answer
  const out = new WireWriter().uint(run).uint(upTo).uint(wallMs)
  out.list(roots, (to, root) => to.uint(root === null ? 0 : root + 1))
  return out.uint(sweptMs).finish()
}

/** Throws WireError. */
export function decodeRootsAnswer(bytes: Uint8Array): RootsAnswer {
  const from = new WireReader(bytes)
  const [run, upTo, wallMs] = [from.uint(), from.uint(), from.uint()]
  const roots = from.list(PARTITION_MAX + 1, (each) => {
    const number = each.uint(FINGERPRINT_LIMIT)
    return number === 0 ? null : number - 1
  })
  // Who was built before that was said vouches for nobody.
  return { run, upTo, wallMs, sweptMs: from.done ? 0 : from.uint(), roots }
}
