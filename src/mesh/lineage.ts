/**
 * Of which data directory a hello speaks, and which start of it.
 *
 * Each start of a directory draws a number, its run, and keeps those of the starts before it. A
 * directory that was copied or restored begins as its original once did, and goes on otherwise:
 * whoever has met a later start of the original, or the same one, sees that the runs differ. Such a
 * disk has forgotten what it promised and which writes it made, so nobody may believe it.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'

/** Earlier starts that a directory remembers; who was away for more is believed. */
export const PAST_MAX = 16

/** One start of a data directory. */
export interface Start {
  readonly storageId: StorageId
  /** Grows by one with every start of that directory. */
  readonly boot: number
  /** A random number of that start. */
  readonly run: number
}

/**
 * Why a hello may not be believed although it is genuine; null: it is of `last`, the last start that
 * is known of the peer, or of a later one of the same directory. `past`: runs of the starts before
 * it, newest first.
 */
export function copyRefusal(
  peer: PeerId,
  last: Start | null,
  { storageId, boot, run }: Start,
  past: readonly number[],
): AtollError | null {
  // A wiped disk has another id.
  if (last === null || last.storageId !== storageId) return null
  if (boot < last.boot) return refusal(peer, `start ${last.boot} came after its start ${boot}`)
  const then = [run, ...past][boot - last.boot]
  if (then === undefined || then === last.run) return null
  if (boot === last.boot) return refusal(peer, `two processes speak as its start ${boot}`)
  return refusal(peer, `its start ${boot} does not follow start ${last.boot} of the other one`)
}

/** Whether an error is that refusal of `peer`, as it was said or as it arrived. */
export function isCopyRefusal({ code, message }: AtollError, peer: PeerId): boolean {
  return code === 'CONFLICT' && message.includes(copyOf(peer))
}

function refusal(peer: PeerId, why: string): AtollError {
  return new AtollError('CONFLICT', `${copyOf(peer)}: ${why}`, {
    hint: 'a data directory was restored, or is used twice: stop one process and empty its directory',
  })
}

function copyOf(peer: PeerId): string {
  return `a copy of the disk of ${peer} speaks`
}
