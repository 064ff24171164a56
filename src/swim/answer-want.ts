/** The facts that another asked for, in messages of bounded size; only of members that are up. */
import type { PeerId } from '../base/ids.ts'
import type { Beliefs } from './beliefs.ts'
import type { MemberRecord } from './claim.ts'
import { isUp } from './claim.ts'
import { recordBytes } from './codec.ts'
import { FACTS_BYTES_MAX } from './limits.ts'
import type { Turn } from './turn.ts'

export function answerWant(
  turn: Turn,
  beliefs: Beliefs,
  asker: PeerId,
  ids: readonly PeerId[],
): void {
  let records: MemberRecord[] = []
  let bytes = 0
  for (const id of new Set(ids)) {
    const held = beliefs.members.get(id)
    if (held === undefined || !isUp(held.member.state)) continue
    const record = beliefs.recordOf(held)
    const size = recordBytes(record)
    if (bytes + size > FACTS_BYTES_MAX && records.length > 0) {
      turn.send(asker, { kind: 'facts', records })
      records = []
      bytes = 0
    }
    records.push(record)
    bytes += size
  }
  if (records.length > 0) turn.send(asker, { kind: 'facts', records })
}
