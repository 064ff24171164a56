/**
 * The value of a register as replicas accept it: what it holds, its version, and what it remembers
 * of its last changes, by which a retry finds out whether its first try happened (REGISTERS.md §1,
 * §2 "Unknown outcome"). Immutable.
 *
 * The version (`revision`) is one number. Along the chain of chosen values it grows with every
 * change, also over deletion, collection, and movement, since it never falls below the counter of
 * the ballot that first chose it. So it serves as a condition, as a point in a watch, and as a
 * fencing token.
 */
import { ID_BYTES_MAX, type StorageId } from '../base/ids.ts'
import type { ValueKind } from '../base/value.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import type { Ballot } from './ballot.ts'
import {
  COMBINED_MAX,
  OP_ID_BYTES_MAX,
  RECENT_MAX,
  RECENT_NAMED_MAX,
  REGISTER_BYTES_MAX,
  REMEMBERED_MAX,
  VALUE_BYTES_MAX,
} from './limits.ts'

/** The ballot of a change, without its configuration: counters are never used twice. */
export interface Tag {
  readonly counter: number
  readonly storageId: StorageId
  readonly boot: number
}

/** Why an operation changed nothing; `read`: there was nothing to change. */
export type KeptReason = 'read' | 'conflict' | 'not-a-number' | 'overflow'

/** What an operation came to; `number`: what `add` made of it, else null. */
export type Done =
  | { readonly kind: 'changed'; readonly revision: number; readonly number: number | null }
  | { readonly kind: 'kept'; readonly reason: KeptReason }

/**
 * An operation that somebody may ask for again under the same id, and what it came to. One that
 * changed nothing is remembered too: the caller has been told so, and it must not happen later.
 */
export interface Remembered {
  readonly id: string
  readonly done: Done
}

/** One ballot that changed the register: all operations of it happened, or none. */
export interface Change {
  readonly tag: Tag
  /** Revisions of the first and the last operation; where none got one, `last` is below `first`. */
  readonly first: number
  readonly last: number
  readonly operations: readonly Remembered[]
}

export interface Register {
  /** `absent`: deleted, or never there. */
  readonly kind: ValueKind | 'absent'
  readonly value: Uint8Array
  /** 0 only while there never was a value. */
  readonly revision: number
  /** How many changes it has seen since it came to be. */
  readonly changes: number
  /**
   * Its life began above this revision. What the key was before that, if anything, was deleted and
   * forgotten: nobody remembers it. 0: it was nothing.
   */
  readonly born: number
  /** The last ones, newest first and none left out; see `remembering`. */
  readonly recent: readonly Change[]
}

const NOTHING = new Uint8Array()
export const ABSENT: Register = {
  kind: 'absent',
  value: NOTHING,
  revision: 0,
  changes: 0,
  born: 0,
  recent: [],
}

const FORMAT = 2
const KINDS = ['absent', 'bytes', 'text', 'json'] as const
const REASONS = ['read', 'conflict', 'not-a-number', 'overflow'] as const
/** How an operation's outcome begins. */
const CHANGED = 0
const POSITIVE = 1
const NEGATIVE = 2
const KEPT = 3

export function sameTag(a: Tag, b: Tag): boolean {
  return a.counter === b.counter && a.storageId === b.storageId && a.boot === b.boot
}

export function tagOf({ counter, storageId, boot }: Ballot): Tag {
  return { counter, storageId, boot }
}

/**
 * What a register remembers with one change more: the last eight, and before them as many as
 * carry ids, within bounds. The oldest goes first, so that nothing is missing in between.
 */
export function remembering(change: Change, recent: readonly Change[]): readonly Change[] {
  const all = [change, ...recent]
  let named = all.reduce((sum, { operations }) => sum + operations.length, 0)
  let length = all.length
  for (let oldest = all[length - 1]; length > RECENT_MAX; oldest = all[length - 1]) {
    const ids = oldest?.operations.length ?? 0
    if (ids > 0 && length <= RECENT_NAMED_MAX && named <= REMEMBERED_MAX) break
    named -= ids
    length--
  }
  return length === all.length ? all : all.slice(0, length)
}

/** Every change of this revision and above is remembered, and those below are not. */
export function horizonOf({ changes, born, recent }: Register): number {
  const oldest = recent.at(-1)
  return oldest === undefined || changes === recent.length ? born + 1 : oldest.first
}

export function encodeRegister(register: Register): Uint8Array {
  const { kind, value, revision, changes, born, recent } = register
  const out = new WireWriter().uint(FORMAT).uint(KINDS.indexOf(kind)).uint(revision)
  out.uint(changes).uint(born)
  // Mostly one disk made them all: each is named once.
  const disks = [...new Set(recent.map(({ tag }) => tag.storageId))]
  out.list(disks, (to, id) => to.string(id))
  // Numbers of changes lie close together, and far from 0: what lies between them is written.
  let near = revision
  out.list(recent, (to, change) => {
    writeChange(to, change, disks, near)
    near = change.tag.counter
  })
  return out.bytes(value).finish()
}

function writeChange(
  out: WireWriter,
  change: Change,
  disks: readonly StorageId[],
  near: number,
): void {
  const { tag, first, last, operations } = change
  writeFrom(out, near, tag.counter).uint(disks.indexOf(tag.storageId)).uint(tag.boot)
  writeFrom(out, tag.counter, first).uint(last + 1 - first)
  out.list(operations, (to, { id, done }) => writeDone(to.string(id), done, first))
}

function writeDone(out: WireWriter, done: Done, first: number): void {
  if (done.kind === 'kept') {
    out.uint(KEPT + REASONS.indexOf(done.reason))
    return
  }
  const { revision, number } = done
  if (number === null) out.uint(CHANGED).uint(revision - first)
  else {
    out
      .uint(number < 0 ? NEGATIVE : POSITIVE)
      .uint(revision - first)
      .uint(Math.abs(number))
  }
}

/** Throws WireError on anything that is no register. `value` is a view of `bytes`. */
export function decodeRegister(bytes: Uint8Array): Register {
  if (bytes.length > REGISTER_BYTES_MAX) throw new WireError('a register is over its limit')
  const from = new WireReader(bytes)
  const format = from.uint()
  if (format !== FORMAT) throw new WireError(`register of unknown format ${format}`)
  const kind = KINDS[from.uint(KINDS.length - 1)]
  if (kind === undefined) throw new WireError('unknown kind of value')
  const revision = from.uint()
  const changes = from.uint()
  const born = from.uint()
  const disks = from.list(RECENT_NAMED_MAX, (each) => each.string(ID_BYTES_MAX))
  let near = revision
  const recent = from.list(RECENT_NAMED_MAX, (each) => {
    const change = readChange(each, disks, near)
    near = change.tag.counter
    return change
  })
  const value = from.bytes(VALUE_BYTES_MAX)
  if (recent.length > changes) throw new WireError('a register contradicts itself')
  return { kind, value, revision, changes, born, recent }
}

/**
 * What a vote at this ballot cannot hold: revisions and changes grow with ballots, so none is far
 * above its own. Else one message could use up the numbers of a register. Reads the head only.
 * Throws WireError.
 */
export function checkHead(bytes: Uint8Array, { counter }: Ballot): void {
  const from = new WireReader(bytes)
  from.uint()
  from.uint()
  const revision = from.uint()
  const changes = from.uint()
  const born = from.uint()
  if (revision < counter + COMBINED_MAX && changes <= counter && born <= counter) return
  throw new WireError('a register is ahead of its ballot')
}

function readChange(from: WireReader, disks: readonly StorageId[], near: number): Change {
  const counter = readFrom(from, near)
  const storageId = disks[from.uint(RECENT_NAMED_MAX)]
  if (storageId === undefined) throw new WireError('a change of no disk')
  const tag = { counter, storageId, boot: from.uint() }
  const first = readFrom(from, counter)
  const last = first + from.uint() - 1
  const operations = from.list(COMBINED_MAX, (each) => {
    return { id: each.string(OP_ID_BYTES_MAX), done: readDone(each, first) }
  })
  if (!Number.isSafeInteger(last)) throw new WireError('a revision has more than 53 bits')
  return { tag, first, last, operations }
}

function readDone(from: WireReader, first: number): Done {
  const kind = from.uint(KEPT + REASONS.length - 1)
  const reason = REASONS[kind - KEPT]
  if (reason !== undefined) return { kind: 'kept', reason }
  const revision = first + from.uint()
  if (!Number.isSafeInteger(revision)) throw new WireError('a revision has more than 53 bits')
  if (kind === CHANGED) return { kind: 'changed', revision, number: null }
  const size = from.uint()
  return { kind: 'changed', revision, number: kind === NEGATIVE ? 0 - size : size }
}

function writeFrom(out: WireWriter, near: number, number: number): WireWriter {
  return out.bool(number < near).uint(Math.abs(number - near))
}

function readFrom(from: WireReader, near: number): number {
  const isBelow = from.bool()
  const distance = from.uint()
  const number = isBelow ? near - distance : near + distance
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new WireError('a number has more than 53 bits')
}
