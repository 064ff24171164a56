/**
 * How an edge finds the cluster for a call when it has lost it: it knows no topology, or one whose
 * members are all down as far as membership can tell, for they have moved while it was away. It asks
 * the network's Kademlia who is near the key, meets them where they are said to be, and fetches the
 * topology from them; then the call goes one hop, as ever. Where only edges are near, they are met all
 * the same: gossip with them names the members, and says that there is a topology to be had.
 *
 * Promises: nothing is looked up while a member is up; those that have gone without a word are up until
 * membership knows better, some seconds in which calls fail as they do when replicas are down. Calls
 * share one lookup, which is not begun again for a while after it ended. It takes a part of a call's
 * time and never fails one: what cannot be found the call itself will say. Whom it finds is believed
 * no more than anybody else: the mesh asks each for a certificate, and the topology must be of this
 * cluster.
 *
 * The lookup hashes what it is given, so it is asked for the key and not for its partition's point:
 * the key lies in the partition, and who holds no topology does not know how many there are.
 */
import { utf8 } from '../base/bytes.ts'
import type { PeerId } from '../base/ids.ts'
import { type KadId, kadIdOfKey } from '../kad/node-id.ts'
import { partitionOf } from '../kad/partition.ts'
import type { Mesh } from '../mesh/mesh.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { FoundPeer, Network } from '../seams/network.ts'
import type { Member, Membership } from '../swim/member.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { decodeTopology } from './codec.ts'
import type { CallTime } from './known-topology.ts'
import type { Topology } from './topology.ts'
import { majorityOf } from './validate.ts'

export interface FinderOptions {
  readonly network: Pick<Network, 'closestPeers'>
  readonly mesh: Mesh
  readonly membership: Membership
  readonly topology: {
    current(): Topology | null
    learn(next: Topology): Promise<boolean>
  }
  readonly clock: Clock
  readonly log: Log
}

/** A lookup may take a second among thirty nodes; peers that are gone hold it up. */
const LOOKUP_MS = 5000
/** How long those found have to be met. */
const MEET_MS = 3000
/** Of those that are members so many are asked for the topology, at once. */
const ASKED_MAX = 5
const FETCH_MS = 3000
/** After a lookup has ended: it costs others work. */
const AGAIN_AFTER_MS = 2000
/** After somebody was found: how long calls wait until the replicas of their keys are met. */
const SETTLE_MS = 2000
/** What the search may take of a call's time. */
const SHARE = 0.75
const POLL_MS = 20

export class TopologyFinder {
  /** Lookups begun. */
  lookups = 0
  readonly #options: FinderOptions
  /** The lookup under way: at most one. */
  #running: Promise<void> | null = null
  #notBeforeMs = Number.NEGATIVE_INFINITY
  /** Until then those found are being met; 0: nobody is. */
  #settlesAtMs = 0
  #ticking: Promise<void> | null = null
  readonly #aborter = new AbortController()
  /** What is left of a lookup then ends with the network. */
  readonly #stopped = Promise.withResolvers<readonly FoundPeer[]>()

  constructor(options: FinderOptions) {
    this.#options = options
  }

  /** Whether a call should `find` first. Cheap: asked for every call. */
  get isNeeded(): boolean {
    return this.#settlesAtMs > 0 || this.#isLost
  }

  /** Waits until the replicas of the key can be asked, as far as that can be had. Never rejects. */
  async find(key: string, call: CallTime): Promise<void> {
    const { clock } = this.#options
    const nowMs = clock.monotonicMs()
    const endMs = nowMs + (call.endMs - nowMs) * SHARE
    if (this.#isLost) this.#begin(key)
    const kadId = kadIdOfKey(key)
    while (this.#isWorking() && !this.#isReady(kadId) && clock.monotonicMs() < endMs) {
      if (call.signal?.aborted === true || this.#aborter.signal.aborted) return
      await this.#tick()
    }
  }

  /** All that wait share a timer: there may be thousands. */
  #tick(): Promise<void> {
    const { clock } = this.#options
    this.#ticking ??= sleep(clock, POLL_MS, this.#aborter.signal)
      .catch(() => undefined)
      .finally(() => {
        this.#ticking = null
      })
    return this.#ticking
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#aborter.abort()
    this.#stopped.resolve([])
    await this.#running
  }

  get #isLost(): boolean {
    const { topology, membership } = this.#options
    const current = topology.current()
    if (current === null) return true
    return !current.members.some(({ id, storageId }) => membership.isUsable(id, storageId))
  }

  #isWorking(): boolean {
    if (this.#running !== null) return true
    if (this.#options.clock.monotonicMs() < this.#settlesAtMs) return true
    this.#settlesAtMs = 0
    return false
  }

  /** A majority of each set of replicas of the key is up. */
  #isReady(kadId: KadId): boolean {
    const { topology, membership } = this.#options
    const current = topology.current()
    if (current === null) return false
    const state = current.partitions[partitionOf(kadId, current.partitions.length)]
    const peers = new Map(current.members.map(({ storageId, id }) => [storageId, id]))
    return [state, state?.prev].every((set) => {
      const replicas = set?.replicas ?? []
      const up = replicas.filter((id) => membership.isUsable(peers.get(id) ?? '', id))
      return replicas.length === 0 || up.length >= majorityOf(replicas.length)
    })
  }

  #begin(key: string): void {
    const { clock, log } = this.#options
    const isTooSoon = clock.monotonicMs() < this.#notBeforeMs
    if (this.#running !== null || isTooSoon || this.#aborter.signal.aborted) return
    this.lookups++
    this.#running = this.#lookUp(key)
      .catch((error: unknown) => {
        log.write('warn', 'topology.lookup-failed', { error: String(error) })
      })
      .finally(() => {
        this.#running = null
        this.#notBeforeMs = clock.monotonicMs() + AGAIN_AFTER_MS
      })
  }

  async #lookUp(key: string): Promise<void> {
    const { network, mesh, clock, log } = this.#options
    const looking = network.closestPeers(utf8(key), LOOKUP_MS)
    const all = await Promise.race([looking, this.#stopped.promise])
    const found = all.filter(({ peer }) => peer !== mesh.self.peer)
    log.write('debug', 'topology.looked-up', { found: found.length })
    if (found.length === 0) return
    this.#settlesAtMs = clock.monotonicMs() + SETTLE_MS
    // Who is met is known to membership soon, and who the others are.
    for (const { peer, addresses } of found) mesh.foundAt(peer, addresses)
    let asked = 0
    const mayAsk = (): boolean => asked++ < ASKED_MAX
    await Promise.allSettled(found.map(({ peer }) => this.#ask(peer, mayAsk)))
  }

  /** Only a member is believed, and whether it is one is known when it has been met. */
  async #ask(peer: PeerId, mayAsk: () => boolean): Promise<void> {
    const { clock, mesh, topology, membership } = this.#options
    const { signal } = this.#aborter
    const endMs = clock.monotonicMs() + MEET_MS
    while (!isUp(membership.get(peer))) {
      if (clock.monotonicMs() >= endMs) return
      await sleep(clock, POLL_MS, signal)
    }
    if (membership.get(peer)?.role !== 'member' || !mayAsk()) return
    const options = { timeoutMs: FETCH_MS, trafficClass: 'bulk', signal } as const
    const body = await mesh.request(peer, REQUEST_KINDS.TOPOLOGY_GET, new Uint8Array(), options)
    if (body.length > 0) await topology.learn(decodeTopology(body))
  }
}

function isUp(member: Member | undefined): boolean {
  return member?.state === 'alive' || member?.state === 'suspect'
}
