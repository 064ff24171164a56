/** What callers are told whose time is over: how many replicas answered, who is down, where to look. */
import { AtollError } from '../base/errors.ts'
import type { Electorate } from './electorate.ts'
import type { Place } from './place.ts'
import type { Failure, Few } from './verdicts.ts'

/** `why`: what stood in the way last; null: nothing that is known. */
export function lateError(
  place: Place,
  why: Failure | null,
  electorate: Electorate,
  withinMs: number,
): AtollError {
  if (why?.kind === 'few') return noQuorum(place, why, electorate, withinMs)
  const { key } = place
  if (why?.kind === 'stale') {
    const what = `replicas of "${key}" know topology ${why.topology}, which cannot be had here`
    return new AtollError('NO_QUORUM', what, { hint: 'check that this node reaches other members' })
  }
  const what = why === null ? 'other calls come before it' : 'others change it all the time'
  return new AtollError('TIMEOUT', `"${key}" could not be agreed on in time: ${what}`, {
    hint: `see: atoll explain ${key}`,
  })
}

export function noQuorum(
  place: Place,
  { answered, replicas }: Few,
  electorate: Electorate,
  withinMs: number,
): AtollError {
  const { key, previous } = place
  const seconds = Math.round(withinMs) / 1000
  const who = `${answered} of ${replicas} replicas of "${key}" answered within ${seconds} s`
  const moving = previous === null ? '' : ', and its data is moving between two sets'
  const names = electorate.down(place)
  const down = names.length === 0 ? '' : ` (down: ${names.join(', ')})`
  return new AtollError('NO_QUORUM', `${who}${down}${moving}`, {
    hint: `see: atoll explain ${key}`,
  })
}
