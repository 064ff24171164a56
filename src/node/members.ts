/** What callers ask about members, one or all, and change of this one. */
import type { MemberInfo } from './api.ts'
import type { Cluster } from './compose.ts'
import { ambiguous, called, nobodyCalled } from './naming.ts'
import { memberInfo } from './views.ts'

export function listMembers({ membership, removals }: Cluster): MemberInfo[] {
  return membership.members().map((each) => memberInfo(each, removals.stateOf(each)))
}

/** Of several that answer to it the one that has not gone for good. */
export function memberNamed(cluster: Cluster, nameOrId: string): MemberInfo {
  const { membership, removals } = cluster
  const named = called(membership.members(), nameOrId)
  const here = named.filter((each) => !['removed', 'left'].includes(removals.stateOf(each)))
  const meant = here.length > 0 ? here : named
  const [only] = meant
  if (only === undefined) throw nobodyCalled(nameOrId)
  if (meant.length > 1) throw ambiguous(meant, nameOrId, (each) => removals.stateOf(each))
  return memberInfo(only, removals.stateOf(only))
}

/** null takes a tag away. */
export function tagSelf(
  { membership }: Cluster,
  change: Readonly<Record<string, string | null>>,
): MemberInfo {
  const tags = new Map<string, string>(Object.entries(membership.self().tags))
  for (const [name, value] of Object.entries(change)) {
    if (value === null) tags.delete(name)
    else tags.set(name, value)
  }
  membership.updateSelf({ tags: Object.fromEntries(tags) })
  return memberInfo(membership.self())
}
