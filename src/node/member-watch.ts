/**
 * Watching members: first everybody as they are, then every change, in order. A reader that lags
 * more than the bound behind is ended with an error rather than shown a history with holes. It ends
 * without one when its signal aborts, as the node's does when it stops or leaves.
 */
import { AtollError } from '../base/errors.ts'
import type { Member, MemberEvent, Membership } from '../swim/member.ts'
import type { MemberChange, MemberState } from './api.ts'
import { memberInfo } from './views.ts'

const BUFFER_MAX = 16_384

export async function* watchMembers(
  membership: Membership,
  stateOf: (member: Member) => MemberState,
  signal: AbortSignal,
): AsyncIterable<MemberChange> {
  /** Changes that the reader has not taken yet; at most BUFFER_MAX. */
  const buffer: MemberChange[] = []
  let wake = (): void => {}
  let overflowed = false
  const add = ({ kind, member }: MemberEvent): void => {
    if (buffer.length >= BUFFER_MAX) overflowed = true
    else buffer.push({ kind, member: memberInfo(member, stateOf(member)) })
    wake()
  }
  const onAbort = (): void => wake()
  signal.addEventListener('abort', onAbort)
  const unsubscribe = membership.subscribe(add)
  for (const member of membership.members()) add({ kind: 'join', member })
  try {
    while (!signal.aborted) {
      const next = buffer.shift()
      if (next !== undefined) {
        yield next
        continue
      }
      if (overflowed) {
        throw new AtollError('BUSY', 'the reader of this watch fell too far behind', {
          hint: 'watch again: it begins with the members as they are',
        })
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', onAbort)
  }
}
