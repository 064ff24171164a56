/** What membership says of one member. A belief, never a fact: only the topology decides. */
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Role } from '../mesh/mesh.ts'

export type MemberState = 'alive' | 'suspect' | 'dead' | 'left'

/** What a member says of itself; it alone may change it, by raising its incarnation. */
export interface MemberFacts {
  readonly name: string
  /** '' when the operator gave none. */
  readonly zone: string
  readonly role: Role
  readonly storageId: StorageId
  readonly boot: number
  /** Relative share of data this member takes, 1 by default; an integer of 0 to 1000. */
  readonly capacity: number
  readonly addresses: readonly string[]
  readonly tags: Readonly<Record<string, string>>
}

export interface Member extends MemberFacts {
  readonly id: PeerId
  readonly state: MemberState
  readonly incarnation: number
  /** Monotonic milliseconds of this node's clock at the last change of state. */
  readonly changedAtMs: number
}

export type MemberEvent =
  | { readonly kind: 'join' | 'alive' | 'suspect' | 'dead' | 'left'; readonly member: Member }
  /** Facts such as tags or addresses changed. */
  | { readonly kind: 'update'; readonly member: Member }
  /** Gone from the view for good (24 h after its end). */
  | { readonly kind: 'reap'; readonly member: Member }

/** What the layers above may ask of membership. */
export interface Membership {
  self(): Member
  /** Everybody known, self included, in no order. */
  members(): readonly Member[]
  get(peer: PeerId): Member | undefined
  /** Alive or only suspected, under exactly this peer id, storage id and boot-or-later. */
  isUsable(peer: PeerId, storageId: StorageId): boolean
  /** Returns the function that ends the subscription. Listeners must not throw. */
  subscribe(listener: (event: MemberEvent) => void): () => void
  /** Replaces own facts and spreads them. */
  updateSelf(change: Partial<Pick<MemberFacts, 'tags' | 'addresses' | 'name' | 'zone'>>): void
}
