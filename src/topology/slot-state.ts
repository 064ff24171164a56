/** What a root has promised and accepted for the next topology, and its bytes on the disk. */
import { AtollError } from '../base/errors.ts'
import type { Database, Write } from '../disk/database.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { type Ballot, NO_BALLOT, readBallot, writeBallot } from './ballot.ts'
import { TOPOLOGY_BYTES_MAX } from './limits.ts'

export interface Accepted {
  readonly ballot: Ballot
  /** An encoded topology. */
  readonly record: Uint8Array
}

/** Invariant: accepted.ballot ≤ promised. */
export interface SlotState {
  /** Number of the topology that is decided here. */
  readonly slot: number
  readonly promised: Ballot
  readonly accepted: Accepted | null
}

const STATE_KEY = 'topology/slot'
/** The highest counter ever promised, which outlives the slots. */
const COUNTER_KEY = 'topology/counter'

export function freshSlot(slot: number): SlotState {
  return { slot, promised: NO_BALLOT, accepted: null }
}

/** Throws AtollError DISK_DAMAGED. */
export function readSlot(database: Database): { state: SlotState | null; counter: number } {
  const stored = database.get(STATE_KEY)
  const counter = database.get(COUNTER_KEY)
  try {
    return {
      state: stored === undefined ? null : decode(new WireReader(stored)),
      counter: counter === undefined ? 0 : new WireReader(counter).uint(),
    }
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause
    throw new AtollError('DISK_DAMAGED', 'the stored promise of a root cannot be read', { cause })
  }
}

export function slotWrites(state: SlotState, counter: number): readonly Write[] {
  return [
    { key: STATE_KEY, value: encode(state) },
    { key: COUNTER_KEY, value: new WireWriter().uint(counter).finish() },
  ]
}

/** In the batch in which the slot's topology is learned. */
export function dropSlot(): Write {
  return { key: STATE_KEY, value: null }
}

export function writeAccepted(out: WireWriter, accepted: Accepted | null): void {
  out.bool(accepted !== null)
  if (accepted === null) return
  writeBallot(out, accepted.ballot)
  out.bytes(accepted.record)
}

export function readAccepted(from: WireReader): Accepted | null {
  if (!from.bool()) return null
  const ballot = readBallot(from)
  return { ballot, record: from.bytes(TOPOLOGY_BYTES_MAX).slice() }
}

function encode({ slot, promised, accepted }: SlotState): Uint8Array {
  const out = new WireWriter().uint(slot)
  writeBallot(out, promised)
  writeAccepted(out, accepted)
  return out.finish()
}

function decode(from: WireReader): SlotState {
  const slot = from.uint()
  const promised = readBallot(from)
  return { slot, promised, accepted: readAccepted(from) }
}
