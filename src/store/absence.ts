/** Nothing was found: whether those who answered are enough to say that there is nothing. */
import { AtollError } from '../base/errors.ts'
import type { ReadOutcome } from './reader.ts'
import type { StoreRecord } from './record.ts'

/** What was read of a key; too few who have nothing do not say that there is nothing. */
export function knownOf(key: string, outcome: ReadOutcome): StoreRecord {
  const { record, partial } = outcome
  if (partial && record.known.vector.size === 0) throw nobodyHasIt(key, outcome)
  return record
}

export function nobodyHasIt(key: string, { acks, replicas, moving }: ReadOutcome): AtollError {
  const who = `${acks} of ${replicas} replicas of "${key}" answered, and none has a value`
  const what = moving ? `${who}; too few of the set that its data moves from did` : who
  return new AtollError('NO_QUORUM', what, { hint: `see: atoll explain ${key}` })
}
