/**
 * Which member somebody means: by its name, an id of it, or the end of one, as views show it
 * (`…WcK8Mh`). Names need not be unique: a machine that lost its disk comes back under its host
 * name, as another member.
 */
import { AtollError } from '../base/errors.ts'

export interface Named {
  readonly name: string
  /** The peer, '' where nobody knows it. */
  readonly id: string
  readonly storageId: string
}

const END_LENGTH = 6

export function endOf(id: string): string {
  return `…${id.slice(-END_LENGTH)}`
}

/** Those that answer to it; by the end of an id only where nobody does otherwise. */
export function called<Member extends Named>(members: readonly Member[], given: string): Member[] {
  const exact = members.filter(({ name, id, storageId }) => [name, id, storageId].includes(given))
  const end = given.replace(/^…/, '')
  if (exact.length > 0 || end.length < END_LENGTH) return exact
  return members.filter(({ id, storageId }) => id.endsWith(end) || storageId.endsWith(end))
}

export function nobodyCalled(given: string): AtollError {
  return new AtollError('NOT_FOUND', `no member is called "${given}"`, {
    hint: 'see: atoll member ls',
  })
}

/** `stateOf` tells them apart for people. */
export function ambiguous<Member extends Named>(
  members: readonly Member[],
  given: string,
  stateOf: (member: Member) => string,
): AtollError {
  const hasPeers = new Set(members.map(({ id }) => id)).size === members.length
  const each = members.map((one) => {
    return `${endOf(hasPeers && one.id !== '' ? one.id : one.storageId)} (${stateOf(one)})`
  })
  return new AtollError('CONFLICT', `${members.length} members are called "${given}"`, {
    hint: `name it by its id or the end of it: ${each.join(', ')}`,
  })
}
