/**
 * Members that the operator removed for good (`member remove`), and whether this node is one.
 *
 * A node that runs when it is removed learns so from the topology. One that was away meets members
 * that refuse it: the topology never reaches it, and their word must do. Not that of others: whoever
 * has the network's key can refuse a greeting, also who was removed itself. Either way it is told to
 * whoever asks, instead of time-outs that nobody could explain.
 *
 * The links to a removed member are cut when it has had time to learn why.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { MeshNode } from '../mesh/mesh-node.ts'
import { isCopyRefusal } from '../mesh/lineage.ts'
import { isUnwelcome } from '../mesh/welcome.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Member, Membership } from '../swim/member.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import type { MemberState } from './api.ts'

/** Why this node belongs to its cluster no more. */
export type Removal =
  | { readonly kind: 'topology'; readonly number: number }
  /** A member refused it as removed. */
  | { readonly kind: 'refused'; readonly by: PeerId }
  /** A member refused it as a copy of the disk that it knows (mesh/lineage.ts). */
  | { readonly kind: 'copied'; readonly by: PeerId }

export interface RemovalsOptions {
  /** '' on an edge, which nobody can remove. */
  readonly self: StorageId
  readonly mesh: Pick<MeshNode, 'self' | 'onRefused' | 'forget'>
  readonly membership: () => Pick<Membership, 'members'>
  readonly topology: Pick<TopologyView, 'current' | 'subscribe'>
  readonly clock: Clock
  readonly log: Log
}

/** Enough for the topology to reach who was removed. */
const FAREWELL_MS = 3000

export class Removals {
  readonly #options: RemovalsOptions
  #self: Removal | null = null
  /** Whom the last topology named. */
  #named: readonly StorageId[] = []
  #timer: Timer | null = null
  readonly #unsubscribe: () => void

  constructor(options: RemovalsOptions) {
    this.#options = options
    const { mesh, topology } = options
    const peer = mesh.self.peer
    mesh.onRefused((by, error) => {
      if (!this.#isMember(by)) return
      if (isUnwelcome(error, peer)) this.#onRemoved({ kind: 'refused', by })
      if (isCopyRefusal(error, peer)) this.#onRemoved({ kind: 'copied', by })
    })
    this.#unsubscribe = topology.subscribe((next) => this.#onTopology(next))
  }

  /** Null as long as this node belongs. */
  get self(): Removal | null {
    const current = this.#options.topology.current()
    if (current !== null) this.#look(current)
    return this.#self
  }

  stateOf({ id, storageId, state }: Member): MemberState {
    const { mesh } = this.#options
    const isGone = id === mesh.self.peer ? this.self !== null : this.#has(storageId)
    return isGone ? 'removed' : state
  }

  stop(): void {
    this.#unsubscribe()
    this.#timer?.cancel()
  }

  /** As far as this node knows, which may be long ago. */
  #isMember(peer: PeerId): boolean {
    return this.#options.topology.current()?.members.some(({ id }) => id === peer) === true
  }

  #has(storageId: StorageId): boolean {
    return this.#options.topology.current()?.removed.includes(storageId) === true
  }

  #onTopology(next: Topology): void {
    this.#look(next)
    const isNews = next.removed.some((id) => !this.#named.includes(id))
    this.#named = next.removed
    // Data moves after a removal: topologies may come faster than the links would be cut.
    if (!isNews) return
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(FAREWELL_MS, () => this.#cut())
  }

  #look({ removed, number }: Topology): void {
    const { self } = this.#options
    if (self !== '' && removed.includes(self)) this.#onRemoved({ kind: 'topology', number })
  }

  /** The topology's word is the better one, and its first. */
  #onRemoved(removal: Removal): void {
    if (this.#self?.kind === 'topology' || this.#self?.kind === removal.kind) return
    if (this.#self === null) this.#options.log.write('error', 'node.removed', { ...removal })
    this.#self = removal
  }

  /** Whoever dials again is refused at the greeting. */
  #cut(): void {
    const { mesh, membership } = this.#options
    for (const { id, storageId } of membership().members()) {
      if (id !== mesh.self.peer && this.#has(storageId)) mesh.forget(id)
    }
  }
}

/** In one sentence each. */
export function removalWords(
  removal: Removal,
  nameOf: (peer: PeerId) => string,
): { readonly what: string; readonly fix: string } {
  if (removal.kind !== 'copied') return { what: removalText(removal, nameOf), fix: REMOVED_FIX }
  const what = 'this data directory is a copy, or was restored from one'
  return {
    what: `${what}: its disk has been started elsewhere or since, says ${nameOf(removal.by)}`,
    fix: COPIED_FIX,
  }
}

function removalText(
  removal: Exclude<Removal, { kind: 'copied' }>,
  nameOf: (peer: PeerId) => string,
): string {
  const who = removal.kind === 'topology' ? `topology ${removal.number}` : nameOf(removal.by)
  return `this daemon was removed from the cluster, says ${who}`
}

/** What a call ends with on a node that was removed. */
export function removedError(removal: Removal, nameOf: (peer: PeerId) => string): AtollError {
  const { what, fix } = removalWords(removal, nameOf)
  return new AtollError('DENIED', what, { hint: fix })
}

const COPIED_FIX =
  'stop it, empty its data directory, then start it with --join and a new ticket: the others hold its data'

const REMOVED_FIX =
  'what it held is with the others; to come back: atoll leave, then start it with --join and a new ticket'
