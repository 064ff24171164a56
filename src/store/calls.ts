/** What calls of the store have in common: how long they may take, and how they fail. */
import { AtollError, withOutcome } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import { ANSWER_SHARE } from '../topology/known-topology.ts'
import type { Level } from './api.ts'
import type { Place } from './place.ts'
import type { Round } from './round.ts'
import { Tally } from './tally.ts'

export function isLevel(level: unknown): level is Level | undefined {
  return level === undefined || level === 'one' || level === 'quorum' || level === 'all'
}

export interface CallLimits {
  readonly level: Level | undefined
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

/** How often one call is made, by a newer topology each time, before it gives up. */
export const ATTEMPTS_MAX = 5

/** Of a request to a replica, in a call that has so long to go. */
export function answerTimeout(leftMs: number): { timeoutMs: number } {
  return { timeoutMs: Math.max(1, Math.floor(leftMs * ANSWER_SHARE)) }
}

/**
 * What a caller is told of who answered: of the current set alone, also while data moves; of a partial
 * result, whose answers may be of the other set, of all replicas.
 */
export function counted(
  { groups, targets }: Place,
  { answers, tally }: Round<unknown>,
  isPartial: boolean,
): { readonly acks: number; readonly replicas: number } {
  if (isPartial) return { acks: answers.size, replicas: targets.length }
  return { acks: tally.acks, replicas: groups[0]?.length ?? 0 }
}

/**
 * Throws NO_QUORUM when those who can be asked are too few for the level: nothing of a write that is
 * refused so is kept anywhere.
 */
export function checkReach(
  { key, groups, targets }: Place,
  level: Level | undefined,
  canAsk: (id: StorageId) => boolean,
): void {
  if (level === undefined) return
  const tally = new Tally(groups, level)
  const down = targets.filter((id) => !canAsk(id))
  for (const id of down) tally.failed(id)
  if (tally.verdict !== 'failed') return
  const who = `${targets.length - down.length} of ${targets.length} replicas of "${key}" can be reached`
  const what = groups.length > 1 ? `${who}, and its data is moving between two sets` : who
  throw new AtollError('NO_QUORUM', what, { hint: `see: atoll explain ${key}` })
}

/** Of a call that asks all members, and no replica of one key: none of them answered. */
export function nobodyAnswered(): AtollError {
  return new AtollError('NO_QUORUM', 'no member that stores data answered in time', {
    hint: 'see which are up: atoll topology show',
  })
}

/** Why a round that did not reach its level ends the call. */
export function tooFew(
  place: Place,
  round: Round<unknown>,
  limits: CallLimits,
  outcome: 'unknown' | 'not-applied',
): AtollError {
  const { error, tally } = round
  if (error?.code === 'DISK_FULL' || error?.code === 'CLOCK_SKEW') {
    return withOutcome(error, outcome)
  }
  const replicas = place.groups[0]?.length ?? 0
  const seconds = Math.round(limits.deadlineMs) / 1000
  const who = `${tally.acks} of ${replicas} replicas of "${place.key}" answered within ${seconds} s`
  const what = place.groups.length > 1 ? `${who}, and its data is moving between two sets` : who
  return new AtollError('NO_QUORUM', what, { outcome, hint: `see: atoll explain ${place.key}` })
}
