/**
 * The refusal of a peer whose disk the operator removed: said by every member that knows, and
 * understood by the one that it is said to.
 */
import { AtollError, type ErrorCode } from '../base/errors.ts'
import type { ClusterId, PeerId } from '../base/ids.ts'

export function unwelcome(code: ErrorCode, peer: PeerId, clusterId: ClusterId): AtollError {
  return new AtollError(code, `${notWelcome(peer)} in cluster ${clusterId}`, {
    hint: 'it was removed; a new data directory may join with a new ticket',
  })
}

/** Whether an error is that refusal of `peer`, as it was said or as it arrived. */
export function isUnwelcome({ code, message }: AtollError, peer: PeerId): boolean {
  return code === 'DENIED' && message.includes(notWelcome(peer))
}

function notWelcome(peer: PeerId): string {
  return `${peer} is not welcome`
}
