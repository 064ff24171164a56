/**
 * The topology as this node knows it: the highest one that it holds durably, and how it learns of
 * newer ones.
 *
 * Promises: what `current` shows is on this disk and never goes back; listeners are called in the
 * order of the numbers; other layers' writes (`beforeLearn`) are in the same synced batch as the
 * topology that causes them. An edge has no disk and keeps it in memory.
 *
 * What it believes. `learn` takes chosen records only, and there are three sources of them: this
 * node's proposer, once a majority of the roots voted for one (decider.ts); the genesis, or the
 * topology that came with the admission; and another node's `current`, which is chosen by the same
 * argument. What a root has merely accepted never comes here (slot-proposer.ts).
 *
 * Whom it believes. Topologies are not signed: a record is fetched from whoever the mesh proved to
 * hold a member's certificate, and pushed by members of the topology held here alone; it is checked
 * as a successor when it is the next number. Members trust each other; edges and strangers are not
 * heard.
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { ClusterId, PeerId } from '../base/ids.ts'
import type { Database, Write } from '../disk/database.ts'
import { Lately } from '../base/lately.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import { WireError } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { decodeTopology, encodeTopology, hashTopology } from './codec.ts'
import { storedTopology, topologyWrite } from './stored-topology.ts'
import type { Topology, TopologyView } from './topology.ts'
import { refusalOfSuccessor } from './validate.ts'

const FETCH_TIMEOUT_MS = 3000
/** Peers asked by one catch-up: the one that showed the number, and some members. */
const SOURCES_MAX = 5
/** Fetches that one call waits for: one that was under way, and its own. */
const CATCH_UP_ROUNDS = 3
const SUBSCRIBERS_MAX = 64
/** A peer that named a topology which nobody could give is not believed for so long. */
const DISTRUST_MS = 5000
const DISTRUSTED_MAX = 1000
/** Of a hash in the log. */
const HASH_SHOWN = 16

export type LearnHook = (previous: Topology | null, next: Topology) => readonly Write[]

export interface TopologyLogOptions {
  readonly clusterId: ClusterId
  readonly mesh: Mesh
  readonly clock: Clock
  readonly log: Log
  /** null on an edge. */
  readonly database: Database | null
  /** Whether a peer that is in no topology we know holds a member's certificate. Default: no. */
  readonly isMember?: (peer: PeerId) => boolean
}

/** Sets the mesh's handlers: make it before the mesh starts. */
export class TopologyLog implements TopologyView {
  readonly #options: TopologyLogOptions
  #current: Topology | null = null
  /** Encoded form of `#current`: what is served. */
  #bytes: Uint8Array = new Uint8Array()
  readonly #hooks: LearnHook[] = []
  readonly #listeners = new Set<(topology: Topology) => void>()
  /** Learning is one at a time: hooks see each step. */
  #learning: Promise<unknown> = Promise.resolve()
  /** At most one catch-up runs; others wait for it and look again. */
  #catching: Promise<void> | null = null
  readonly #distrusted: Lately
  readonly #aborter = new AbortController()

  /** Throws AtollError DISK_DAMAGED when the stored topology cannot be read. */
  constructor(options: TopologyLogOptions) {
    this.#options = options
    this.#distrusted = new Lately(options.clock, DISTRUST_MS, DISTRUSTED_MAX)
    const { database } = options
    const stored = database === null ? null : storedTopology(database)
    if (stored !== null) this.#show(stored.topology, stored.bytes)
    options.mesh.handle(REQUEST_KINDS.TOPOLOGY_GET, () => this.#bytes)
    options.mesh.handle(REQUEST_KINDS.TOPOLOGY_PUSH, (from, body) => this.#onPush(from, body))
  }

  current(): Topology | null {
    return this.#current
  }

  /** What goes out with gossip: 0 while none is known. */
  get digest(): number {
    return this.#current?.number ?? 0
  }

  /** Encoded form of `current`, empty while there is none. */
  get encoded(): Uint8Array {
    return this.#bytes
  }

  subscribe(listener: (topology: Topology) => void): () => void {
    if (this.#listeners.size >= SUBSCRIBERS_MAX) {
      throw new AtollError('BUSY', `more than ${SUBSCRIBERS_MAX} subscribers of the topology`)
    }
    const own = (topology: Topology) => listener(topology)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Adds writes of another layer to the batch that makes a topology durable. Set before start. */
  beforeLearn(hook: LearnHook): void {
    this.#hooks.push(hook)
  }

  /**
   * Makes a topology durable and shows it. False when it is not newer than what is known. Rejects
   * with AtollError DENIED when it cannot follow, and with what the database rejects with.
   */
  learn(next: Topology): Promise<boolean> {
    return this.#inTurn(() => this.#learn(next))
  }

  /** Runs while nothing is being learned, and nothing is learned while it runs. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      this.#aborter.signal.throwIfAborted()
      return await work()
    })
  }

  /** One that could not be had is not looked for again for a while at the word of no member. */
  async catchUp(atLeast: number, from: PeerId): Promise<void> {
    if (this.digest >= atLeast) return
    if (this.#isOfTopology(from)) return this.#catchUp(atLeast, from)
    if (this.#distrusted.has(from)) throw notHad(atLeast)
    try {
      await this.#catchUp(atLeast, from)
    } catch (error) {
      if (!isAtollError(error, 'STOPPED')) this.#distrusted.add(from)
      throw error
    }
  }

  async #catchUp(atLeast: number, from: PeerId): Promise<void> {
    let failure: unknown = null
    for (let round = 0; round < CATCH_UP_ROUNDS && this.digest < atLeast; round++) {
      if (this.#aborter.signal.aborted) throw new AtollError('STOPPED', 'this node is stopping')
      const joined = this.#catching !== null
      this.#catching ??= this.#fetchFrom(this.#sources(from), atLeast).finally(() => {
        this.#catching = null
      })
      try {
        await this.#catching
      } catch (error) {
        if (!joined) throw error
        failure = error // Another's fetch, perhaps of a lower number from other peers.
      }
    }
    if (this.digest < atLeast) throw failure ?? notHad(atLeast) // Others' may have brought less.
  }

  /** While none is known anybody is. */
  #isOfTopology(peer: PeerId): boolean {
    return this.#current?.members.some(({ id }) => id === peer) ?? true
  }

  /** Membership saw a peer's number. Never waits; failures show in the log. */
  onDigest(peer: PeerId, number: number): void {
    if (number <= this.digest || this.#catching !== null || this.#aborter.signal.aborted) return
    if (this.#current !== null && this.#distrusted.has(peer)) return
    this.catchUp(number, peer).catch((error: unknown) => {
      this.#distrusted.add(peer)
      this.#warn('topology.catch-up-failed', error, { peer, number })
    })
  }

  /** Ends fetches; resolves when nothing is under way. Idempotent. */
  async stop(): Promise<void> {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
    await this.#catching?.catch(() => undefined)
    await this.#learning
    this.#listeners.clear()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const step = this.#learning.then(work)
    this.#learning = step.catch(() => undefined)
    return step
  }

  async #learn(next: Topology): Promise<boolean> {
    const previous = this.#current
    if (previous !== null && next.number <= previous.number) {
      this.#noteConflict(previous, next)
      return false
    }
    const refusal = this.#refusal(previous, next)
    if (refusal !== null) {
      throw new AtollError('DENIED', `topology ${next.number} is refused: ${refusal}`)
    }
    const bytes = encodeTopology(next)
    const { database } = this.#options
    if (database !== null) {
      const others = this.#hooks.flatMap((hook) => hook(previous, next))
      await database.commit([topologyWrite(bytes), ...others])
    }
    const fields = { number: next.number, hash: hashTopology(next).slice(0, HASH_SHOWN) }
    this.#options.log.write('debug', 'topology.learned', fields)
    this.#show(next, bytes)
    return true
  }

  #refusal(previous: Topology | null, next: Topology): string | null {
    if (next.clusterId !== this.#options.clusterId) return 'it belongs to another cluster'
    if (previous === null || next.number > previous.number + 1) return null
    return refusalOfSuccessor(previous, next)
  }

  /** Two topologies of one number: somebody decided twice. Kept loud, since nothing can mend it. */
  #noteConflict(previous: Topology, next: Topology): void {
    if (next.number !== previous.number || hashTopology(next) === hashTopology(previous)) return
    this.#options.log.write('error', 'topology.conflict', { number: next.number })
  }

  #show(topology: Topology, bytes: Uint8Array): void {
    this.#current = topology
    this.#bytes = bytes
    for (const { id, addresses } of topology.members) {
      if (id !== this.#options.mesh.self.peer) this.#options.mesh.learnAddresses(id, addresses)
    }
    for (const listener of this.#listeners) {
      try {
        listener(topology)
      } catch (error) {
        this.#warn('topology.listener-threw', error, {})
      }
    }
  }

  /** One that is known already may be pushed by whoever stores: it asks whether we have it. */
  async #onPush(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    if (from.role !== 'member') throw new AtollError('DENIED', 'an edge decides no topology')
    const next = decodeFromOutside(body)
    const current = this.#current
    const isKnown = current?.members.some(({ storageId, id }) => {
      return storageId === from.storageId && id === from.peer
    })
    if (current !== null && next.number > current.number && isKnown !== true) {
      throw new AtollError('DENIED', 'only members of the topology may push a newer one')
    }
    await this.learn(next)
    return new Uint8Array()
  }

  /** Whom to ask, best first; the asked peer only if it may be believed. */
  #sources(from: PeerId): PeerId[] {
    const { mesh, isMember } = this.#options
    const current = this.#current
    if (current === null) return [from]
    const ids = new Map(current.members.map(({ storageId, id }) => [storageId, id]))
    const roots = current.roots.map((root) => ids.get(root) ?? '')
    const known = [...roots, ...ids.values()].filter((id) => id !== '' && id !== mesh.self.peer)
    const trusted = known.includes(from) || isMember?.(from) === true
    return [...new Set([...(trusted ? [from] : []), ...known])].slice(0, SOURCES_MAX)
  }

  async #fetchFrom(sources: readonly PeerId[], atLeast: number): Promise<void> {
    let failure: unknown = null
    for (const source of sources) {
      try {
        const body = await this.#options.mesh.request(
          source,
          REQUEST_KINDS.TOPOLOGY_GET,
          new Uint8Array(),
          { timeoutMs: FETCH_TIMEOUT_MS, trafficClass: 'bulk', signal: this.#aborter.signal },
        )
        if (body.length > 0) await this.learn(decodeFromOutside(body))
      } catch (error) {
        if (isAtollError(error, 'STOPPED') || isAtollError(error, 'STORAGE_FAILED')) throw error
        failure = error
      }
      if (this.digest >= atLeast) return
    }
    throw notHad(atLeast, failure)
  }

  #warn(event: string, error: unknown, fields: Record<string, string | number>): void {
    this.#options.log.write('warn', event, { ...fields, error: String(error) })
  }
}

function notHad(number: number, cause?: unknown): AtollError {
  const hint = 'check that this node reaches other members'
  return new AtollError('UNREACHABLE', `no member could give topology ${number}`, { hint, cause })
}

function decodeFromOutside(bytes: Uint8Array): Topology {
  try {
    return decodeTopology(bytes)
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause
    throw new AtollError('DENIED', `malformed topology: ${cause.message}`, { cause })
  }
}
