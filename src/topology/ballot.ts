/**
 * Ballots: who proposes in a slot, and in which order attempts outrank each other (registers.md
 * §1). A ballot is never used twice: within one start of a disk the counter grows, and each start
 * has a boot number of its own.
 *
 * The counter is a hybrid clock, so a proposer that knows nothing is soon on top. It is bounded:
 * acceptors refuse one that is more than a day ahead of both their clock and all that they have
 * seen, so no wild clock uses up the 53 bits, and no clock that fell back makes an acceptor refuse
 * everybody.
 */
import { isId, type StorageId } from '../base/ids.ts'
import { WireError, type WireReader, type WireWriter } from '../wire/codec.ts'

export interface Ballot {
  readonly counter: number
  readonly storageId: StorageId
  readonly boot: number
}

/** Below every ballot that anybody makes. */
export const NO_BALLOT: Ballot = { counter: 0, storageId: '', boot: 0 }

const PER_MS = 1024
const AHEAD_MAX = 24 * 60 * 60 * 1000 * PER_MS
/** 2020: a clock before it was never set. */
const SET_CLOCK_MS = 1_577_836_800_000
/** 2200: what an acceptor takes that has no idea of the time. Half a century before the end. */
const UNJUDGED_MAX = 7_258_118_400_000 * PER_MS

export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.counter !== b.counter) return a.counter - b.counter
  if (a.storageId !== b.storageId) return a.storageId < b.storageId ? -1 : 1
  return a.boot - b.boot
}

/** A counter above the one seen, and near to the time. */
export function counterAfter(seen: number, wallMs: number): number {
  return Math.max(seen + 1, Math.floor(wallMs) * PER_MS)
}

/** The highest counter that is believed, by who has seen `seen` (0: none) and has this clock. */
export function counterLimit(seen: number, wallMs: number): number {
  if (seen === 0 && wallMs < SET_CLOCK_MS) return UNJUDGED_MAX
  return Math.max(seen, Math.floor(wallMs) * PER_MS) + AHEAD_MAX
}

export function writeBallot(out: WireWriter, { counter, storageId, boot }: Ballot): void {
  out.uint(counter).string(storageId).uint(boot)
}

export function readBallot(from: WireReader): Ballot {
  const counter = from.uint()
  const storageId = from.string(64)
  const boot = from.uint()
  if (storageId === '' && counter === 0 && boot === 0) return NO_BALLOT
  if (!isId(storageId)) throw new WireError('malformed storage id in a ballot')
  return { counter, storageId, boot }
}
