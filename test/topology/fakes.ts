/**
 * A handful of nodes without network, gossip or disk: requests take a millisecond, membership is
 * what the test says it is, and a disk is a map that survives its process.
 */
import { AtollError } from '../../src/base/errors.ts'
import type { PeerId, StorageId } from '../../src/base/ids.ts'
import type { Database, Write } from '../../src/disk/database.ts'
import type {
  Mesh,
  RemotePeer,
  RequestHandler,
  RequestKind,
  RequestOptions,
} from '../../src/mesh/mesh.ts'
import type { Log } from '../../src/seams/log.ts'
import type { Member, MemberEvent, Membership, MemberState } from '../../src/swim/member.ts'
import type { TopologyMember } from '../../src/topology/topology.ts'
import type { ManualClock } from './manual-clock.ts'

const DELAY_MS = 1

/** The wires between fake meshes. */
export class Hub {
  readonly clock: ManualClock
  readonly meshes = new Map<PeerId, FakeMesh>()
  /** Peers that reach nobody and are reached by nobody. */
  readonly cut = new Set<PeerId>()
  /** Every request that was sent. */
  readonly requests: { from: PeerId; to: PeerId; kind: RequestKind }[] = []
  /** Requests of these kinds get lost. */
  readonly lost = new Set<RequestKind>()
  /** How long a message takes. */
  delayMs: () => number = () => DELAY_MS
  /** Whether a message gets lost. */
  drops: () => boolean = () => false
  /** Whether a request arrives once more, late. */
  repeats: () => boolean = () => false

  constructor(clock: ManualClock) {
    this.clock = clock
  }
}

export class FakeMesh implements Mesh {
  readonly self: RemotePeer
  readonly #hub: Hub
  readonly #handlers = new Map<RequestKind, RequestHandler>()
  #dead = false

  constructor(hub: Hub, self: RemotePeer) {
    this.#hub = hub
    this.self = self
    hub.meshes.set(self.peer, this)
  }

  async request(
    peer: PeerId,
    kind: RequestKind,
    body: Uint8Array,
    options: RequestOptions,
  ): Promise<Uint8Array> {
    const { cut, lost, meshes, requests } = this.#hub
    requests.push({ from: this.self.peer, to: peer, kind })
    if (peer === this.self.peer) return this.answer(kind, this.self, body.slice())
    await this.#travel()
    options.signal?.throwIfAborted()
    const other = meshes.get(peer)
    if (other === undefined || cut.has(peer) || cut.has(this.self.peer) || lost.has(kind)) {
      throw new AtollError('UNREACHABLE', 'no path')
    }
    if (this.#hub.repeats()) {
      const again = async () => {
        await this.#travel()
        await other.answer(kind, this.self, body.slice())
      }
      again().catch(() => undefined)
    }
    const reply = await other.answer(kind, this.self, body.slice())
    await this.#travel()
    return reply.slice()
  }

  /** Of a process that has died: nothing comes out of it or into it any more. */
  die(): void {
    this.#dead = true
    this.#hub.meshes.delete(this.self.peer)
  }

  async #travel(): Promise<void> {
    const { clock, delayMs, drops } = this.#hub
    await new Promise<void>((resolve) => clock.after(delayMs(), resolve))
    if (this.#dead) await new Promise<never>(() => undefined)
    if (drops()) throw new AtollError('TIMEOUT', 'lost', { outcome: 'unknown' })
  }

  async answer(kind: RequestKind, from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    if (this.#dead) await new Promise<never>(() => undefined)
    const handler = this.#handlers.get(kind)
    if (handler === undefined) throw new AtollError('UNSUPPORTED', 'no handler')
    return handler(from, body)
  }

  handle(kind: RequestKind, handler: RequestHandler): void {
    this.#handlers.set(kind, handler)
  }

  addresses(): readonly string[] {
    return []
  }
  learnAddresses(): void {}
  foundAt(): void {}
  connect(): void {}
  reconnect(): void {}
  forget(): void {}
  sendGossip(): void {}
  onGossip(): void {}
  onEvidence(): void {}
  async start(): Promise<void> {}
  async stop(): Promise<void> {
    this.#hub.meshes.delete(this.self.peer)
  }
}

/** What all nodes believe of each other. */
export class Roll {
  readonly clock: ManualClock
  readonly members = new Map<PeerId, Member>()
  readonly listeners = new Set<(event: MemberEvent) => void>()
  /** Whom somebody takes for down, and nobody else does. */
  readonly doubts = new Map<PeerId, PeerId>()

  constructor(clock: ManualClock) {
    this.clock = clock
  }

  set(member: TopologyMember, state: MemberState, more: Partial<Member> = {}): void {
    const known = this.members.get(member.id)
    const changedAtMs = this.clock.monotonicMs()
    const facts = {
      role: 'member',
      boot: 1,
      tags: {},
      incarnation: 1,
      ...known,
      ...member,
    } as const
    const next = { ...facts, state, changedAtMs, ...more }
    this.members.set(member.id, next)
    const kind = state === 'alive' && known === undefined ? 'join' : state
    for (const listener of this.listeners) listener({ kind, member: next })
  }

  viewOf(self: PeerId): Membership {
    const get = (peer: PeerId) => this.members.get(peer)
    return {
      self: () => {
        const member = get(self)
        if (member === undefined) throw new Error('not on the roll')
        return member
      },
      members: () => [...this.members.values()],
      get,
      isUsable: (peer: PeerId, storageId: StorageId) => {
        const member = get(peer)
        const isUp = member?.state === 'alive' || member?.state === 'suspect'
        if (this.doubts.get(self) === peer) return false
        return isUp && member.storageId === storageId
      },
      subscribe: (listener) => {
        const own = (event: MemberEvent) => listener(event)
        this.listeners.add(own)
        return () => void this.listeners.delete(own)
      },
      updateSelf: () => undefined,
    }
  }
}

export class FakeDatabase implements Database {
  readonly #clock: ManualClock
  /** Of the process that uses it. */
  #process = 1
  readonly durable = new Map<string, Uint8Array>()
  /** Every batch that was made durable. */
  readonly batches: (readonly Write[])[] = []
  /** What the next commits reject with. */
  failure: Error | null = null
  readonly failed = new Promise<Error>(() => undefined)

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  get(key: string): Uint8Array | undefined {
    return this.durable.get(key)
  }

  latest(key: string): Uint8Array | undefined {
    return this.durable.get(key)
  }

  /** Its process dies: what was not synced is lost, and nobody hears of it. */
  crash(): void {
    this.#process++
  }

  async commit(writes: readonly Write[]): Promise<void> {
    const process = this.#process
    await new Promise<void>((resolve) => this.#clock.after(DELAY_MS, resolve))
    if (process !== this.#process) await new Promise<never>(() => undefined)
    if (this.failure !== null) throw this.failure
    this.batches.push(writes)
    for (const { key, value } of writes) {
      if (value === null) this.durable.delete(key)
      else this.durable.set(key, value.slice())
    }
  }

  async *scan(): AsyncIterable<readonly [string, Uint8Array]> {}
  async close(): Promise<void> {}
}

export interface LogLine {
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

export function recordingLog(lines: LogLine[]): Log {
  return {
    allows: () => true,
    write: (_level, event, fields = {}) => void lines.push({ event, fields }),
  }
}
