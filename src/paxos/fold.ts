/**
 * What one ballot proposes: the register as it was, and the operations that wait for it, one after
 * the other, each seeing what those before it did (REGISTERS.md §2, "Combining"). Pure.
 *
 * An operation that was proposed before, here or by a node that it was handed to, must not happen
 * twice. Its earlier ballots and its id are looked for among the changes that the register
 * remembers. If they are not there, it did not happen, provided that the register remembers
 * everything since it was first asked for: neither the first ballot nor `since` lies below what it
 * remembers. If one does, nobody can tell any more, and it is not done again.
 */
import { type Ballot, compareBallots } from './ballot.ts'
import { effectOf, type Operation } from './operation.ts'
import {
  type Change,
  type Done,
  horizonOf,
  type KeptReason,
  type Register,
  type Remembered,
  remembering,
  sameTag,
  tagOf,
} from './register.ts'

/** An operation as it waits; `attempts` are of this node. */
export interface Call {
  readonly operation: Operation
  /** The name under which it may be asked for again; null: nobody will. */
  readonly id: string | null
  /** Up to this revision it has not happened; null: this is the first time that it is asked for. */
  since: number | null
  /** Ballots by which it was proposed and may have happened, or yet may; the oldest first. */
  attempts: readonly Attempt[]
}

export interface Attempt {
  readonly ballot: Ballot
  readonly revision: number
  readonly number: number | null
}

export type Outcome =
  | { readonly kind: 'changed'; readonly revision: number; readonly number: number | null }
  /** Nothing to change; the register as the operation met it. */
  | { readonly kind: 'kept'; readonly reason: KeptReason; readonly register: Register }
  /** It may have happened, and too much has happened since. */
  | { readonly kind: 'unknown' }
  /** Not done: it may have been asked for before, and too much has happened since `since`. */
  | { readonly kind: 'overrun'; readonly revision: number }

export interface Fold {
  readonly register: Register
  readonly isChanged: boolean
  /** One a call, in their order; they hold when the ballot is chosen. */
  readonly outcomes: readonly Outcome[]
}

export function fold(base: Register, ballot: Ballot, calls: readonly Call[]): Fold {
  const tag = tagOf(ballot)
  const first = Math.max(base.revision + 1, ballot.counter)
  const done: Remembered[] = []
  let register = base
  let next = first
  const outcomes = calls.map((call): Outcome => {
    const { kind } = call.operation
    // To show a register twice does no harm.
    if (kind === 'read' || kind === 'touch') return { kind: 'kept', reason: 'read', register }
    const earlier = recalled(base, call) ?? named(done, call.id)
    if (earlier !== null) return earlier.kind === 'kept' ? { ...earlier, register } : earlier
    const doubt = doubtOf(base, call)
    if (doubt !== null) return doubt
    const effect = effectOf(call.operation, register)
    if (effect.kind === 'kept') {
      if (call.id !== null) done.push({ id: call.id, done: effect })
      return { ...effect, register }
    }
    const revision = next++
    register = { ...register, ...effect.content, revision }
    const changed = { kind: 'changed', revision, number: effect.number } as const
    if (call.id !== null) done.push({ id: call.id, done: changed })
    return changed
  })
  if (register === base && done.length === 0) return { register, isChanged: false, outcomes }
  const change: Change = { tag, first, last: next - 1, operations: done }
  const recent = remembering(change, base.recent)
  const changes = base.changes + 1
  return { register: { ...register, changes, recent }, isChanged: true, outcomes }
}

/** Before a ballot goes out: what must be known of each operation that it carries. */
export function noteAttempts(calls: readonly Call[], ballot: Ballot, { outcomes }: Fold): void {
  for (const [i, call] of calls.entries()) {
    const outcome = outcomes[i]
    if (outcome !== undefined) noteAttempt(call, ballot, outcome)
  }
}

export function noteAttempt(call: Call, ballot: Ballot, outcome: Outcome): void {
  if (outcome.kind !== 'changed') return
  const { revision, number } = outcome
  // A change that was found, and is voted for once more, is known by its first ballot.
  if (call.attempts.some((attempt) => attempt.revision === revision)) return
  call.attempts = [...call.attempts, { ballot, revision, number }]
}

/**
 * The register was chosen by votes at `accepted`. Whatever is chosen from now on derives from it, and
 * what it derives from has lower ballots (I1). So an attempt at a lower ballot that is not in it, and
 * would be remembered if it were, never happens: its outcome is not in doubt any more.
 *
 * That a majority refused an attempt is not enough: the others may have voted for it, and whoever
 * asks them next builds on it.
 */
export function dropAttempts(calls: readonly Call[], register: Register, accepted: Ballot): void {
  for (const call of calls) {
    // In whatever order: a clock that was set back makes lower ballots.
    if (call.attempts.some(({ ballot }) => compareBallots(ballot, accepted) >= 0)) continue
    if (isRemembered(register, call) || doubtOf(register, call) !== null) continue
    call.attempts = []
  }
}

/**
 * The register is chosen: what waits, is not in it, and could still be found in it, has not happened
 * up to here. However long it then waits while the register changes, nobody needs to doubt that.
 */
export function noteChosen(register: Register, waiting: Iterable<Call>): void {
  const asked: Call[] = []
  for (const call of waiting) {
    if (call.since !== null && call.attempts.length === 0) asked.push(call)
  }
  if (asked.length === 0) return
  const ids = new Set(register.recent.flatMap(({ operations }) => operations.map(({ id }) => id)))
  for (const call of asked) {
    if (call.id !== null && ids.has(call.id)) continue
    if (doubtOf(register, call) === null) call.since = register.revision
  }
}

/** Whether it has happened, as far as the register knows. */
export function isRemembered(register: Register, call: Call): boolean {
  return recalled(register, call) !== null
}

function recalled(base: Register, { attempts, id }: Call): Done | null {
  for (const { ballot, revision, number } of attempts) {
    if (base.recent.some((change) => sameTag(change.tag, ballot))) {
      return { kind: 'changed', revision, number }
    }
  }
  if (id === null) return null
  for (const { operations } of base.recent) {
    const found = named(operations, id)
    if (found !== null) return found
  }
  return null
}

function named(operations: readonly Remembered[], id: string | null): Done | null {
  if (id === null) return null
  return operations.find((each) => each.id === id)?.done ?? null
}

/**
 * Null when the register remembers all that happened since the operation was first asked for.
 *
 * That it was something else before, which was deleted and forgotten, concerns those alone who say that
 * they have seen it (`since`). Attempts, and operations of who has seen nothing, are of one call, and a
 * deleted register is remembered for longer than any call lasts.
 */
function doubtOf(base: Register, { attempts, since }: Call): Outcome | null {
  const isWhole = base.changes === base.recent.length
  const horizon = horizonOf(base)
  // What a ballot changes has revisions from its counter on.
  const isLost = !isWhole && attempts.some(({ ballot }) => ballot.counter < horizon)
  if (isLost) return { kind: 'unknown' }
  // A lost condition is remembered as a change without a revision, and may have driven the last one
  // that has one out of sight. What was lost at this very revision is lost at it again.
  if (since === null || since === base.revision || since + 1 >= horizon) return null
  if (isWhole && since === 0) return null
  if (attempts.length > 0) return { kind: 'unknown' }
  return { kind: 'overrun', revision: Math.max(base.revision, base.born) }
}
