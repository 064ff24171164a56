/** Places and replies by letters: a replica is its name. */
import assert from 'node:assert/strict'
import { type Ballot, NO_BALLOT } from '../../src/paxos/ballot.ts'
import type { Promised, Reply } from '../../src/paxos/messages.ts'
import type { Place } from '../../src/paxos/place.ts'
import type { Judge } from '../../src/paxos/poll.ts'
import { ABSENT, encodeRegister, type Register } from '../../src/paxos/register.ts'
import { genesisOf, memberOf } from '../topology/members.ts'

export const CFG = 6

/** `abc`, or `abc<def` while it moves from there. */
export function placeFor(sets: string): Place {
  const [replicas = '', previous] = sets.split('<')
  return {
    topology: { ...genesisOf([memberOf('a')]), number: 8 },
    key: 'k',
    partition: 0,
    cfg: CFG,
    replicas: replicas.split(''),
    previous: previous === undefined ? null : previous.split(''),
  }
}

export function ballotAt(counter: number, cfg = CFG): Ballot {
  return { cfg, counter, storageId: 'p', boot: 1 }
}

export function registerOf(text: string | null, more: Partial<Register> = {}): Register {
  if (text === null) return { ...ABSENT, revision: 1, ...more }
  return { ...ABSENT, kind: 'text', value: new TextEncoder().encode(text), revision: 1, ...more }
}

/** `vote`: at which counter it has voted, `16` of the configuration, `16@4` of an older one. */
export function voteOf(vote: string | null): Ballot {
  if (vote === null) return NO_BALLOT
  const [counter, cfg = String(CFG)] = vote.split('@')
  return ballotAt(Number(counter), Number(cfg))
}

/** The register voted for at a ballot: its text is the ballot. */
export function valueAt(vote: string | null): Uint8Array {
  if (vote === null) return new Uint8Array()
  return encodeRegister(registerOf(vote, { revision: voteOf(vote).counter }))
}

export function promiseOf(vote: string | null, more: Partial<Promised> = {}): Reply<Promised> {
  const body = { accepted: voteOf(vote), value: valueAt(vote), installed: false, counterMax: 0 }
  return { kind: 'answer', place: 0, body: { ...body, ...more } }
}

export function rejected(counter: number): Reply<never> {
  return { kind: 'rejected', place: 0, by: ballotAt(counter) }
}

export function textOf({ kind, value }: Register): string | null {
  return kind === 'absent' ? null : new TextDecoder().decode(value)
}

/** From here on a counter is of a wild clock. */
export const FAR = 1_000_000

export function isTooFarAhead(counter: number): boolean {
  return counter >= FAR
}

/**
 * What a judge makes of this, in this order: `a=7` has voted at 7 (`7@4`: of configuration 4, `-`:
 * never), with `!` it is installed, with `~` it leaves the value out; `a<9` rejects by 9; `a>9`
 * knows topology 9; `a?` is missing. Null: it waits for more; then `left` is what came after.
 */
export function hear<T, R>(
  judge: Judge<T, R>,
  heard: string,
): { readonly verdict: R; readonly left: number } | null {
  const all = heard.split(' ')
  for (const [i, each] of all.entries()) {
    const [, id = '', sign = '', vote = '', marks = ''] =
      /^(\w)([=<>?])([\d@-]*)([!~]*)$/.exec(each) ?? []
    const verdict =
      sign === '?' ? judge.onMissing(id) : judge.onReply(id, replyOf(sign, vote, marks))
    if (verdict !== null) return { verdict, left: all.length - 1 - i }
  }
  return null
}

function replyOf<T>(sign: string, vote: string, marks: string): Reply<T> {
  if (sign === '<') return rejected(Number(vote))
  if (sign === '>') return { kind: 'stale', topology: Number(vote) }
  assert.equal(sign, '=')
  const at = vote === '-' ? null : vote
  const value = marks.includes('~') ? null : valueAt(at)
  const body = { accepted: voteOf(at), value, installed: marks.includes('!'), counterMax: 0 }
  return { kind: 'answer', place: 0, body: body as unknown as T }
}
