/** What a change of belief is called, for those who subscribe to it. */
import { isUp } from './claim.ts'
import type { Member, MemberEvent } from './member.ts'

export function eventsOf(
  before: Member | undefined,
  member: Member,
  newFacts: boolean,
): MemberEvent[] {
  if (before === undefined) {
    const join = { kind: 'join', member } as const
    return member.state === 'alive' ? [join] : [join, { kind: member.state, member }]
  }
  if (before.storageId !== member.storageId) {
    // A wiped disk under the same key: the member that had the old one is gone for good.
    const gone = { kind: 'dead', member: { ...before, state: 'dead' } } as const
    const join = { kind: 'join', member } as const
    return isUp(before.state) ? [gone, join] : [join]
  }
  // A later boot is another process: whoever heeds `alive` must hear of it, even without a death.
  if (before.state !== member.state || before.boot !== member.boot) {
    return [{ kind: member.state, member }]
  }
  return newFacts ? [{ kind: 'update', member }] : []
}
