/**
 * Who proposes an operation (REGISTERS.md §2, "Who proposes").
 *
 * A replica proposes for its own callers, as long as nobody else changes the key: it has its vote at
 * hand, and after the first change each next one takes one round. When proposers get into each
 * other's way, they hand the key to the first replica that is up, which combines what all of them
 * bring. So does a node that is no replica.
 *
 * An operation that was handed on and is not answered soon is handed to the next replica, at last
 * proposed here: a killed process is noticed at once, a paused one is not. It carries an id, and the revision
 * that this node knew before it first asked, so that it happens once, or its outcome is unknown.
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import { Lately } from '../base/lately.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import { ANSWER_SHARE, type CallTime, type KnownTopology } from '../topology/known-topology.ts'
import type { Peers } from '../topology/peers.ts'
import { isMember, type Topology } from '../topology/topology.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { RegisterCounts } from './counts.ts'
import type { Outcome } from './fold.ts'
import {
  decodeForwarded,
  decodeOutcome,
  encodeForwarded,
  encodeOutcome,
  type Forwarded,
} from './forward-messages.ts'
import { LateAnswers } from './late-answers.ts'
import { FORWARD_BUSY_MS, FORWARD_MS, LONELY_PAUSE_MS } from './limits.ts'
import type { Operation } from './operation.ts'
import type { Asked } from './pending.ts'
import type { Place } from './place.ts'
import type { Places } from '../topology/places.ts'
import type { Proposer } from './proposer.ts'
import { RecentMap } from '../base/recent-map.ts'
import { SLOW_MAX, SlowReplicas } from './slow-replicas.ts'

export interface OperationsOptions {
  readonly places: Places<Place>
  readonly counts: RegisterCounts
  readonly self: StorageId
  /** Unlike any other of this or another run: what ids of operations begin with. */
  readonly name: string
  /** null on a node without a disk. */
  readonly proposer: Proposer | null
  readonly mesh: Mesh
  readonly topology: KnownTopology
  readonly peers: Peers
  readonly clock: Clock
  readonly isStopped: () => boolean
}

/** How long a key is handed to the first replica after proposers met on it. */
const RIVALRY_MS = 5000
const RIVALRIES_MAX = 4096
const REVISIONS_MAX = 16_384
/** Times that the first replica may say that too much has happened since. */
const OVERRUNS_MAX = 4

export interface Request {
  readonly operation: Operation
  /** A caller's name for it, under which it may call again. */
  readonly id: string | null
  /** A revision that the caller knew before its first call. */
  readonly since: number | null
}

/** This node proposes. */
const HERE = Symbol('here')
interface Candidate {
  readonly id: StorageId
  readonly peer: PeerId
}
type Next = Candidate | typeof HERE | null

export class Operations {
  readonly #options: OperationsOptions
  /** Keys that are handed to the first replica. */
  readonly #rivalries: Lately
  /** The last revision that this node has seen of a key. */
  readonly #revisions = new RecentMap<number>(REVISIONS_MAX)
  /** Those that kept what was handed to them, and answered nothing else meanwhile. */
  readonly #slow: SlowReplicas
  /** When each last answered what was handed to it. */
  readonly #answeredMs = new RecentMap<number>(SLOW_MAX)
  #ids = 0

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: OperationsOptions) {
    this.#options = options
    this.#rivalries = new Lately(options.clock, RIVALRY_MS, RIVALRIES_MAX)
    this.#slow = new SlowReplicas(options.clock)
    options.mesh.handle(REQUEST_KINDS.REG_PROPOSE, (from, body) => this.#onForwarded(from, body))
  }

  onRival(key: string): void {
    this.#rivalries.add(key)
  }

  saw(key: string, revision: number): void {
    const known = this.#revisions.get(key)
    if (known === undefined || known < revision) this.#revisions.set(key, revision)
  }

  /** Resolves with what is chosen. Rejects with NO_QUORUM, TIMEOUT, BUSY, … and their outcome. */
  async run(key: string, request: Request, time: CallTime): Promise<Outcome> {
    const outcome = await this.#run(key, request, time)
    if (outcome.kind === 'changed') this.saw(key, outcome.revision)
    if (outcome.kind === 'kept') this.saw(key, outcome.register.revision)
    return outcome
  }

  async #run(key: string, request: Request, time: CallTime): Promise<Outcome> {
    const { topology, proposer, self } = this.#options
    if (topology.isLost) await topology.reach(key, time)
    const known = topology.get()
    const place = this.#options.places.of(known, key)
    const isOurs = proposer !== null && place.replicas.includes(self) && !this.isContested(key)
    for (let overruns = 0; ; overruns++) {
      const outcome = isOurs
        ? await proposer.propose(key, request, time.endMs, time.signal)
        : await this.#handOn(key, request, time)
      if (outcome.kind !== 'overrun') return outcome
      // The caller asked for it before: nobody can tell any more what came of that.
      if (request.since !== null) return { kind: 'unknown' }
      // Nobody has tried it: with what is known now it can be asked for anew.
      if (overruns === OVERRUNS_MAX) throw new AtollError('BUSY', `"${key}" changes too fast`)
      this.saw(key, outcome.revision)
    }
  }

  /** Whether proposers met on it of late: then it is left to the first replica. */
  isContested(key: string): boolean {
    return this.#rivalries.has(key)
  }

  /** Asks the first replica that is up, then others, or proposes here. */
  async #handOn(key: string, request: Request, time: CallTime): Promise<Outcome> {
    const id = request.id ?? this.#newId()
    const since = request.since ?? this.#revisions.get(key) ?? 0
    const call = { operation: request.operation, id, since }
    const tried = new Set<PeerId>()
    const late = new LateAnswers()
    for (;;) {
      if (time.signal?.aborted) throw late.told(givenUp())
      const known = this.#options.topology.get()
      const next = this.#next(known, key, tried)
      if (next === HERE) {
        // Nobody else was asked: there is no earlier try to look for.
        const own = tried.size === 0 ? { ...call, since: request.since } : call
        return this.#here(key, own, time, late)
      }
      if (next === null) {
        if (tried.size > 0 || !(await this.#mayWait(time))) return late.orElse(noReplica(key))
        continue
      }
      tried.add(next.peer)
      this.#options.counts.handedOn++
      const answer = this.#ask(next.peer, known, key, call, time)
      const result = await this.#soon(next.id, answer, time)
      this.#noteSpeed(next.id, result)
      if (result === 'late') {
        this.#options.counts.handedOnLate++
        late.add(answer)
      } else if (result instanceof AtollError) {
        late.failed(result)
      } else if (result.kind === 'overrun' && late.mayHaveHappened) {
        return { kind: 'unknown' }
      } else {
        return result
      }
    }
  }

  /** One that has much to do answers late, but it answers. */
  #noteSpeed(id: StorageId, result: Outcome | AtollError | 'late'): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (result !== 'late') {
      if (!(result instanceof AtollError)) this.#answeredMs.set(id, nowMs)
    } else if ((this.#answeredMs.get(id) ?? 0) <= nowMs - FORWARD_MS) this.#slow.add(id)
  }

  /** Somebody may come up again: false when there is no time left for it. */
  async #mayWait({ endMs, signal }: CallTime): Promise<boolean> {
    const { clock, isStopped } = this.#options
    if (isStopped()) throw new AtollError('STOPPED', 'this node is stopping')
    if (clock.monotonicMs() + LONELY_PAUSE_MS >= endMs) return false
    // Whoever goes on looks whether the call was given up.
    await sleep(clock, LONELY_PAUSE_MS, signal).catch(() => undefined)
    return true
  }

  async #here(key: string, call: Asked, time: CallTime, late: LateAnswers): Promise<Outcome> {
    const { proposer } = this.#options
    if (proposer === null) return late.orElse(noReplica(key))
    const own = proposer.propose(key, call, time.endMs, time.signal)
    const outcome = await late.orSooner(own)
    return outcome.kind === 'overrun' && late.mayHaveHappened ? { kind: 'unknown' } : outcome
  }

  /**
   * In the order that all nodes have, so that those who give up the first meet at the second and not
   * each at itself, where they would be in each other's way. Null: nobody is left.
   */
  #next(topology: Topology, key: string, tried: ReadonlySet<PeerId>): Next {
    const { self, proposer, peers } = this.#options
    const mayPropose = proposer !== null && isMember(topology, self)
    const { replicas, previous } = this.#options.places.of(topology, key)
    for (const id of this.#slow.last([...replicas, ...(previous ?? [])])) {
      if (id === self && mayPropose) return HERE
      const peer = peers.usable(topology, id)
      if (peer !== undefined && !tried.has(peer)) return { id, peer }
    }
    return mayPropose ? HERE : null
  }

  /** Never rejects: an error says what is known of the outcome. */
  async #ask(
    peer: PeerId,
    topology: Topology,
    key: string,
    call: { readonly operation: Operation; readonly id: string; readonly since: number },
    { endMs, signal }: CallTime,
  ): Promise<Outcome | AtollError> {
    const { mesh, clock } = this.#options
    const timeoutMs = Math.max(1, endMs - clock.monotonicMs())
    const deadlineMs = Math.ceil(timeoutMs * ANSWER_SHARE)
    const message: Forwarded = { ...call, key, topology: topology.number, deadlineMs }
    try {
      const options = { timeoutMs, ...(signal !== undefined && { signal }) }
      const body = encodeForwarded(message)
      return decodeOutcome(await mesh.request(peer, REQUEST_KINDS.REG_PROPOSE, body, options))
    } catch (error) {
      if (isAtollError(error)) return error
      return new AtollError('INTERNAL', String(error), { outcome: 'unknown', cause: error })
    }
  }

  /** `late`: it is silent, or has kept this one for too long. */
  async #soon<T>(id: StorageId, answer: Promise<T>, { endMs }: CallTime): Promise<T | 'late'> {
    const over = new AbortController()
    const latestMs = Math.min(this.#options.clock.monotonicMs() + FORWARD_BUSY_MS, endMs)
    const first = await Promise.race([answer, this.#silence(id, latestMs, over.signal)])
    over.abort()
    return first
  }

  /** Resolves when it has answered nothing for a while, at the latest then. */
  async #silence(id: StorageId, latestMs: number, signal: AbortSignal): Promise<'late'> {
    const { clock } = this.#options
    for (let sinceMs = clock.monotonicMs(); ; ) {
      const untilMs = Math.min(sinceMs + FORWARD_MS, latestMs)
      const waitMs = Math.max(0, untilMs - clock.monotonicMs())
      await sleep(clock, waitMs, signal).catch(() => undefined)
      const answeredMs = this.#answeredMs.get(id) ?? 0
      if (signal.aborted || answeredMs <= sinceMs || untilMs >= latestMs) return 'late'
      sinceMs = answeredMs
    }
  }

  async #onForwarded(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { proposer, topology, clock, self } = this.#options
    const forwarded = decodeForwarded(body)
    const { key, id, since, deadlineMs, operation } = forwarded
    const endMs = clock.monotonicMs() + deadlineMs
    if (proposer === null) throw notHere()
    // Whoever is no member may be wrong about it: what is stale will show in the votes.
    const call = { endMs, signal: undefined }
    if (topology.isMember(from)) await topology.catchUpFrom(forwarded.topology, from.peer, call)
    if (!isMember(topology.get(), self)) throw notHere()
    const asked = { operation: kept(operation), id, since }
    return encodeOutcome(await proposer.propose(key, asked, endMs))
  }

  #newId(): string {
    this.#ids++
    return `${this.#options.name}.${this.#ids.toString(36)}`
  }
}

/** Waits longer than the frame that it came in may be kept. */
function kept(operation: Operation): Operation {
  return operation.kind === 'set' ? { ...operation, value: operation.value.slice() } : operation
}

function notHere(): AtollError {
  return new AtollError('BUSY', 'this node does not propose')
}

function givenUp(): AtollError {
  return new AtollError('CANCELLED', 'the call was given up')
}

function noReplica(key: string): AtollError {
  return new AtollError('NO_QUORUM', `no replica of "${key}" can be reached`, {
    hint: `see: atoll explain ${key}`,
  })
}
