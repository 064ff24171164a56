/**
 * Ballots: who proposes in a slot, and in which order attempts outrank each other (REGISTERS.md
 * §1). A ballot is never used twice: within one start of a disk the counter grows, and each start
 * has a boot number of its own.
 *
 * The counter is hybrid time (base/hybrid-time.ts), so a proposer that knows nothing is soon on top.
 * It is bounded: acceptors refuse one that is more than a day ahead of both their clock and all that
 * they have seen, so no wild clock uses up the 53 bits, and no clock that fell back makes an acceptor
 * refuse everybody.
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

export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.counter !== b.counter) return a.counter - b.counter
  if (a.storageId !== b.storageId) return a.storageId < b.storageId ? -1 : 1
  return a.boot - b.boot
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
