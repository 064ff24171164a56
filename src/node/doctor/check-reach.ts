/**
 * Reachability: who answers this node, and who of the members answers whom, in both directions.
 * A member that is known to be gone is one finding; that others cannot reach it says nothing new.
 */
import type { Finding } from '../watch-api.ts'
import { plural } from '../../base/plural.ts'
import { fail, listed, ok, time, warn } from './finding.ts'

export interface MemberView {
  readonly name: string
  readonly state: 'alive' | 'suspect' | 'dead'
  /** Since it is in that state. */
  readonly sinceMs: number
  readonly addresses: readonly string[]
  /** null: not asked, in a sample of a large cluster. */
  readonly answer: { readonly rttMs: number } | { readonly why: string } | null
}

/** `from` says of `to`. */
export interface Reach {
  readonly from: string
  readonly to: string
  readonly answered: boolean
  readonly rttMs: number
  readonly why: string
}

export interface ReachFigures {
  readonly self: string
  readonly members: readonly MemberView[]
  readonly reaches: readonly Reach[]
  /** Members that answered this node but did not say whom they reach. */
  readonly mute: readonly string[]
}

export function checkReach({ self, members, reaches, mute }: ReachFigures): Finding[] {
  if (members.length === 0) return []
  const findings = members.flatMap((member) => ofMember(self, member))
  const sound = new Set(members.filter(answers).map(({ name }) => name))
  const lost = reaches.filter(
    ({ from, to, answered }) => !answered && sound.has(from) && (sound.has(to) || to === self),
  )
  for (const one of oncePerPair(lost)) findings.push(ofPair(one, lost))
  if (mute.length > 0) {
    const seen = `${listed(mute)} did not say whom they reach`
    findings.push(warn('reachability', seen, 'run the doctor again, or on that member'))
  }
  if (findings.length > 0) return findings
  const asked = members.filter(({ answer }) => answer !== null)
  if (asked.length === 0) return []
  const slowest = Math.max(
    ...asked.map(({ answer }) => (answer !== null && 'rttMs' in answer ? answer.rttMs : 0)),
    ...reaches.map(({ rttMs }) => rttMs),
  )
  const each = `${plural(asked.length, 'other member')} and this one all reach each other`
  const of = asked.length < members.length ? ` (a sample of ${members.length})` : ''
  return [ok('reachability', `${each}${of}, slowest answer ${time(slowest)}`)]
}

function ofMember(self: string, member: MemberView): Finding[] {
  const { name, state, sinceMs, addresses, answer } = member
  const where = addresses.length === 0 ? 'it told no address' : `at ${listed(addresses)}`
  if (answers(member)) {
    if (state === 'alive') return []
    const seen = `${name} is ${state} since ${time(sinceMs)}, and answers`
    return [warn('reachability', seen, 'it may have come back just now; run the doctor again')]
  }
  if (state === 'dead') {
    const seen = `${name} is dead since ${time(sinceMs)}`
    const fix = `start ${name} again; if it is gone for good, let another daemon join, and`
    return [warn('reachability', seen, `${fix}: atoll member remove ${endIn(name) ?? name}`)]
  }
  if (answer === null) {
    if (state === 'alive') return []
    const seen = `${name} is suspect since ${time(sinceMs)}`
    return [warn('reachability', seen, 'run the doctor again in a few seconds')]
  }
  const why = 'why' in answer ? answer.why : ''
  const seen = `${name} is ${state} but does not answer ${self} (${why})`
  const fix = `look whether ${name} runs and is not stopped or overloaded, and at the network ${where}`
  return [fail('reachability', seen, fix)]
}

/** Of several members of one name the end of the id tells which, also to `member remove`. */
function endIn(name: string): string | undefined {
  return / \((…\w+)\)$/.exec(name)?.[1]
}

function answers({ answer }: MemberView): boolean {
  return answer !== null && 'rttMs' in answer
}

function ofPair({ from, to, why }: Reach, lost: readonly Reach[]): Finding {
  const both = lost.some((other) => other.from === to && other.to === from)
  const seen = both
    ? `${from} and ${to} do not reach each other (${why})`
    : `${from} does not reach ${to} (${why}), the other way it goes`
  const fix = `check firewalls and routes from ${from} to the addresses of ${to}: atoll member show ${to}`
  return fail('reachability', seen, fix)
}

function oncePerPair(lost: readonly Reach[]): Reach[] {
  const seen = new Set<string>()
  return lost.filter(({ from, to }) => {
    const pair = [from, to].toSorted().join('\n')
    if (seen.has(pair)) return false
    seen.add(pair)
    return true
  })
}
