/**
 * What a line of a Serf agent's log says of a member. The log is the agent's event stream: it is
 * written in the moment at which the agent changes its mind.
 *
 *   2026/11/21 11:01:38 [INFO] serf: EventMemberFailed: s2 127.0.0.1
 */
import type { ChangeKind } from './sightings.ts'

export interface SerfChange {
  readonly kind: ChangeKind
  readonly member: string
}

const CHANGES: readonly (readonly [RegExp, ChangeKind])[] = [
  [/\] serf: EventMemberJoin: (\S+) /, 'alive'],
  [/\] serf: EventMemberFailed: (\S+) /, 'dead'],
  [/\] serf: EventMemberLeave: (\S+) /, 'left'],
  // Only the prober says so; those who hear of a suspicion by gossip write nothing.
  [/\] memberlist: Suspect (\S+) has failed, no acks received/, 'suspect'],
]

/** Null for the many lines that tell of no change. */
export function serfChange(line: string): SerfChange | null {
  for (const [pattern, kind] of CHANGES) {
    const member = pattern.exec(line)?.[1]
    if (member !== undefined) return { kind, member }
  }
  return null
}
