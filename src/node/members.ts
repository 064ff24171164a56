/** What callers ask about members, one or all, and change of this one. */
import { AtollError } from '../base/errors.ts'
import type { MemberInfo } from './api.ts'
import type { Cluster } from './compose.ts'
import { memberInfo } from './views.ts'

export function listMembers({ membership, removals }: Cluster): MemberInfo[] {
  return membership.members().map((each) => memberInfo(each, removals.stateOf(each)))
}

export function memberNamed(cluster: Cluster, nameOrId: string): MemberInfo {
  const named = listMembers(cluster).filter(({ id, name }) => id === nameOrId || name === nameOrId)
  const [only] = named
  if (only === undefined) throw new AtollError('NOT_FOUND', `no member is called "${nameOrId}"`)
  if (named.length === 1) return only
  throw new AtollError('CONFLICT', `${named.length} members are called "${nameOrId}"`, {
    hint: 'name it by its id; see: atoll member ls',
  })
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
