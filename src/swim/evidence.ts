/**
 * What the mesh saw of a peer, weighed. Evidence comes in classes:
 *
 * - silence (a failed probe, not judged here) is weak: Lifeguard's time-outs apply;
 * - a reset connection proves nothing, but is reason to probe now;
 * - a closed port after a reset is the word of the peer's kernel that the process is gone, and a
 *   hello under another storage id or boot is the word of its successor: both are strong;
 * - an open connection speaks for the peer, if it is still the process that we know.
 */
import { unreachable } from '../base/assert.ts'
import type { PeerEvidence, RemotePeer } from '../mesh/mesh.ts'
import { isUp } from './claim.ts'
import type { Member } from './member.ts'

export type Reaction =
  | 'ignore'
  /** Dial and ping now, out of turn. */
  | 'probe'
  /** Accuse with strong evidence. */
  | 'accuse'
  /** Accuse with strong evidence, and ask the successor who it is. */
  | 'succeed'
  /** Not up in our view, or another process than we know: make its acquaintance. */
  | 'greet'
  /** It is there: take back what we said of its port, and tell it that it is suspected. */
  | 'vouch'

export function weigh(evidence: PeerEvidence, held: Member | undefined): Reaction {
  const up = held !== undefined && isUp(held.state)
  switch (evidence.kind) {
    case 'reset':
      return up ? 'probe' : 'ignore'
    case 'refused':
      return up ? 'accuse' : 'ignore'
    case 'replaced':
      if (held === undefined || !up) return 'greet'
      return isSuccessor(evidence.by, held) ? 'succeed' : 'ignore'
    case 'connected':
      if (held === undefined || !up || isSuccessor(evidence.remote, held)) return 'greet'
      return held.state === 'suspect' ? 'vouch' : 'ignore'
    default:
      return unreachable(evidence)
  }
}

/** Another process than the one we know: a later start, or another disk under the same key. */
export function isSuccessor(remote: RemotePeer, held: Member): boolean {
  return remote.storageId !== held.storageId || remote.boot > held.boot
}

/** A message of a process that we know to be gone, still on its way. */
export function isPredecessor(remote: RemotePeer, held: Member): boolean {
  return remote.storageId === held.storageId && remote.boot < held.boot
}
