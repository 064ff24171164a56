/**
 * What two replicas say to each other to find out where they differ: roots of partitions, then
 * sums of nodes, then fingerprints of entries. Every message is bounded.
 */
import { KEY_BYTES_MAX } from '../../base/value.ts'
import { PARTITION_MAX } from '../../topology/request-header.ts'
import { WireError, WireReader, WireWriter } from '../../wire/codec.ts'
import { FINGERPRINT_LIMIT } from '../fingerprint.ts'
import { SYNC_ENTRIES } from '../limits.ts'
import { LEVEL_MAX, type Span, type SpanNodes } from './leaf-tree.ts'
import { readKeys, writeKeys } from './packed-keys.ts'

export const DIGESTS_MAX = 512
/** Spans of one question. */
export const SPANS_MAX = 64
/** Nodes that one span is told as. */
export const NODES_MAX = 256
const FINGERPRINT_BYTES = 6
/** What an answer to a question about sums is. */
const SUMS = 0
const BUSY = 1
const SAME = 2

export interface DigestQuestion {
  readonly topology: number
  /** Ascending. */
  readonly partitions: readonly number[]
  /** Of the asker's roots of all of them (`digestOf`). */
  readonly digest: number
}

/** A root each, null where it is not known yet; or 'same': so are all of them. */
export type Digests = 'same' | readonly (number | null)[]

/** take: the partition is to be compared by this asker alone. end: it has been. */
export const TURNS = ['none', 'take', 'end'] as const
export type Turn = (typeof TURNS)[number]

export interface SumsQuestion {
  readonly topology: number
  readonly partition: number
  readonly turn: Turn
  /** The asker's. */
  readonly root: number
  readonly spans: readonly Span[]
}

/** null: the span does not begin and end where leaves do there. */
export type SpanSums = SpanNodes | null

/**
 * Of the first of the spans that were asked for, as many as fit. To who wants to take a turn:
 * 'busy': it is another's; 'same': there is no need, the roots are equal by now.
 */
export type Sums = 'busy' | 'same' | readonly SpanSums[]

/**
 * Which entries of a part of the spans does the asked hold that the asker does not? The part is what
 * comes after a key ('': from the start), up to another ('': to the end).
 */
export interface KeysQuestion {
  readonly topology: number
  readonly partition: number
  readonly spans: readonly Span[]
  readonly after: string
  readonly upTo: string
  /** Fingerprints of all that the asker holds there. */
  readonly prints: readonly number[]
}

export interface KeysAnswer {
  /** This answers for a smaller part: up to this key. '': for all of it. */
  readonly upTo: string
  /** Of the prints that were told, in their order, whether the asked has them in its part. */
  readonly found: readonly boolean[]
  /** What it holds there beside them. */
  readonly entries: readonly (readonly [string, number])[]
}

export function encodeDigestQuestion(question: DigestQuestion): Uint8Array {
  let before = 0
  return new WireWriter()
    .uint(question.topology)
    .list(question.partitions, (to, partition) => {
      to.uint(partition - before)
      before = partition
    })
    .uint(question.digest)
    .finish()
}

export function decodeDigestQuestion(bytes: Uint8Array): DigestQuestion {
  const from = new WireReader(bytes)
  const topology = from.uint()
  let partition = 0
  const partitions = from.list(DIGESTS_MAX, (each) => {
    partition += each.uint(PARTITION_MAX - partition)
    return partition
  })
  return { topology, partitions, digest: from.uint(FINGERPRINT_LIMIT - 1) }
}

export function encodeDigests(digests: Digests): Uint8Array {
  const out = new WireWriter().bool(digests === 'same')
  if (digests === 'same') return out.finish()
  return out.list(digests, (to, root) => to.uint(root === null ? 0 : root + 1)).finish()
}

export function decodeDigests(bytes: Uint8Array): Digests {
  const from = new WireReader(bytes)
  if (from.bool()) return 'same'
  return from.list(DIGESTS_MAX, (each) => {
    const number = each.uint(FINGERPRINT_LIMIT)
    return number === 0 ? null : number - 1
  })
}

export function encodeSumsQuestion(question: SumsQuestion): Uint8Array {
  const out = new WireWriter().uint(question.topology).uint(question.partition)
  out.uint(TURNS.indexOf(question.turn)).uint(question.root)
  return writeSpans(out, question.spans).finish()
}

export function decodeSumsQuestion(bytes: Uint8Array): SumsQuestion {
  const from = new WireReader(bytes)
  const topology = from.uint()
  const partition = from.uint(PARTITION_MAX)
  const turn = TURNS[from.uint(TURNS.length - 1)] ?? 'none'
  const root = from.uint(FINGERPRINT_LIMIT - 1)
  return { topology, partition, turn, root, spans: readSpans(from) }
}

export function encodeSums(sums: Sums): Uint8Array {
  if (sums === 'busy') return new WireWriter().uint(BUSY).finish()
  if (sums === 'same') return new WireWriter().uint(SAME).finish()
  return new WireWriter().uint(SUMS).list(sums, writeSpanSums).finish()
}

export function decodeSums(bytes: Uint8Array): Sums {
  const from = new WireReader(bytes)
  const what = from.uint(SAME)
  if (what === SUMS) return from.list(SPANS_MAX, readSpanSums)
  return what === BUSY ? 'busy' : 'same'
}

/** Where the first node begins is known: where the span does. */
function writeSpanSums(out: WireWriter, sums: SpanSums): void {
  out.bool(sums !== null)
  if (sums === null) return
  out.uint(sums.level)
  const [, ...others] = sums.nodes
  const keys = others.map(({ from }) => from)
  writeKeys(out, keys)
  out.bytes(packed(sums.nodes.map(({ sum }) => sum)))
}

function readSpanSums(from: WireReader): SpanSums {
  if (!from.bool()) return null
  const level = from.uint(LEVEL_MAX)
  const keys = readKeys(from, NODES_MAX - 1)
  const sums = unpacked(from.bytes(NODES_MAX * FINGERPRINT_BYTES), keys.length + 1)
  return { level, nodes: sums.map((sum, i) => ({ from: keys[i - 1] ?? '', sum })) }
}

export function encodeKeysQuestion(question: KeysQuestion): Uint8Array {
  const { topology, partition, spans, after, upTo, prints } = question
  const out = new WireWriter().uint(topology).uint(partition)
  return writeSpans(out, spans).string(after).string(upTo).bytes(packed(prints)).finish()
}

export function decodeKeysQuestion(bytes: Uint8Array): KeysQuestion {
  const from = new WireReader(bytes)
  return {
    topology: from.uint(),
    partition: from.uint(PARTITION_MAX),
    spans: readSpans(from),
    after: from.string(KEY_BYTES_MAX),
    upTo: from.string(KEY_BYTES_MAX),
    prints: unpacked(from.bytes(SYNC_ENTRIES * FINGERPRINT_BYTES)),
  }
}

export function encodeKeysAnswer({ upTo, found, entries }: KeysAnswer): Uint8Array {
  const out = new WireWriter().string(upTo)
  out.list(found, (to, each) => to.bool(each))
  writeKeys(
    out,
    entries.map(([key]) => key),
  )
  return out.bytes(packed(entries.map(([, print]) => print))).finish()
}

export function decodeKeysAnswer(bytes: Uint8Array): KeysAnswer {
  const from = new WireReader(bytes)
  const upTo = from.string(KEY_BYTES_MAX)
  const found = from.list(SYNC_ENTRIES, (each) => each.bool())
  const keys = readKeys(from, SYNC_ENTRIES)
  const prints = unpacked(from.bytes(SYNC_ENTRIES * FINGERPRINT_BYTES), keys.length)
  return { upTo, found, entries: keys.map((key, i) => [key, prints[i] ?? 0] as const) }
}

function writeSpans(out: WireWriter, spans: readonly Span[]): WireWriter {
  return out.list(spans, (each, { from, to }) => each.string(from).string(to ?? ''))
}

function readSpans(from: WireReader): Span[] {
  return from.list(SPANS_MAX, (each) => {
    const start = each.string(KEY_BYTES_MAX)
    const to = each.string(KEY_BYTES_MAX)
    return { from: start, to: to === '' ? null : to }
  })
}

function packed(prints: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(prints.length * FINGERPRINT_BYTES)
  for (const [i, print] of prints.entries()) {
    bytes.writeUIntLE(print, i * FINGERPRINT_BYTES, FINGERPRINT_BYTES)
  }
  return bytes
}

/** Throws WireError unless there are so many. */
function unpacked(
  bytes: Uint8Array,
  count = Math.ceil(bytes.length / FINGERPRINT_BYTES),
): number[] {
  if (bytes.length !== count * FINGERPRINT_BYTES) throw new WireError('a list has another length')
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: count }, (_, i) => {
    return view.readUIntLE(i * FINGERPRINT_BYTES, FINGERPRINT_BYTES)
  })
}
