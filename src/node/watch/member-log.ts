/** Log lines of what this node believes of the others: each change, and what came before it. */
import type { PeerId } from '../../base/ids.ts'
import type { Log } from '../../seams/log.ts'
import type { MemberEvent, Membership, MemberState } from '../../swim/member.ts'

const EVENTS = {
  join: { level: 'info', event: 'member.join' },
  alive: { level: 'info', event: 'member.alive' },
  suspect: { level: 'warn', event: 'member.suspect' },
  dead: { level: 'warn', event: 'member.dead' },
  left: { level: 'info', event: 'member.left' },
  update: { level: 'info', event: 'member.update' },
  reap: { level: 'info', event: 'member.reap' },
} as const

export class MemberLog {
  readonly #log: Log
  readonly #self: PeerId
  /** Of those in membership's view, so bounded by its bound. */
  readonly #states = new Map<PeerId, MemberState>()

  constructor(log: Log, self: PeerId) {
    this.#log = log
    this.#self = self
  }

  /** For as long as the membership lives. */
  follow(membership: Membership): void {
    membership.subscribe((event) => this.#note(event))
  }

  #note({ kind, member }: MemberEvent): void {
    const { id, name, state } = member
    if (id === this.#self) return
    const was = this.#states.get(id)
    if (kind === 'reap') this.#states.delete(id)
    else this.#states.set(id, state)
    const { level, event } = EVENTS[kind]
    this.#log.write(level, event, { peer: id, name, ...(was !== undefined && { was }) })
  }
}
