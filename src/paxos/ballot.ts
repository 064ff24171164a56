/**
 * Ballots: the rounds of Paxos, in one order for the whole cluster (REGISTERS.md §1; Vertical Paxos,
 * Lamport, Malkhi, Zhou 2009). The configuration comes first: whatever is proposed under a newer
 * one is above all that older ones can still propose.
 *
 * A ballot names its proposer, and `(storageId, boot, counter)` is used once: no two proposals ever
 * share one.
 */
import { ID_BYTES_MAX, type StorageId } from '../base/ids.ts'
import { type WireReader, type WireWriter, WireError } from '../wire/codec.ts'

export interface Ballot {
  /** Topology number at which the partition's replica set last changed. */
  readonly cfg: number
  /** Hybrid time: milliseconds times 1024, and a counter. */
  readonly counter: number
  readonly storageId: StorageId
  readonly boot: number
}

/** Below every real one: nothing promised, nothing accepted. */
export const NO_BALLOT: Ballot = { cfg: 0, counter: 0, storageId: '', boot: 0 }

export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.cfg !== b.cfg) return a.cfg - b.cfg
  if (a.counter !== b.counter) return a.counter - b.counter
  if (a.storageId !== b.storageId) return a.storageId < b.storageId ? -1 : 1
  return a.boot - b.boot
}

export function equalBallots(a: Ballot, b: Ballot): boolean {
  return compareBallots(a, b) === 0
}

export function higherBallot(a: Ballot, b: Ballot): Ballot {
  return compareBallots(a, b) >= 0 ? a : b
}

export function isBallot(ballot: Ballot): boolean {
  return ballot.counter > 0
}

export function writeBallot(out: WireWriter, ballot: Ballot): WireWriter {
  return out.uint(ballot.cfg).uint(ballot.counter).string(ballot.storageId).uint(ballot.boot)
}

/** Throws WireError. */
export function readBallot(from: WireReader): Ballot {
  const cfg = from.uint()
  const counter = from.uint()
  const storageId = from.string(ID_BYTES_MAX)
  const boot = from.uint()
  const isReal = counter > 0 && storageId !== ''
  const isNone = counter === 0 && storageId === '' && cfg === 0 && boot === 0
  if (!isReal && !isNone) throw new WireError('a ballot of nobody')
  return isNone ? NO_BALLOT : { cfg, counter, storageId, boot }
}
