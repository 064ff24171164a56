/** How a node speaks to the roots: to the first that answers, or to all of them. */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Mesh } from '../mesh/mesh.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Membership } from '../swim/member.ts'
import { liveDisks } from './describe.ts'
import { decodeNumber } from './requests.ts'
import type { TopologyLog } from './topology-log.ts'
import type { Topology, TopologyMember } from './topology.ts'

const REQUEST_TIMEOUT_MS = 3000
const REPEAT_MS = 2000
/** How long a change that was asked for may take to be decided. */
const DECIDE_MS = 15_000
/** What a root says for all of them: no other need be asked. */
const FINAL = ['NO_QUORUM', 'NOT_FOUND', 'CONFLICT', 'TOO_LARGE', 'DENIED', 'STOPPED'] as const

export interface RootCallsOptions {
  readonly mesh: Mesh
  readonly clock: Clock
  readonly log: Log
  readonly membership: Membership
  readonly topology: TopologyLog
}

export class RootCalls {
  readonly #options: RootCallsOptions
  readonly #topology: TopologyLog
  readonly #aborter = new AbortController()
  readonly #tasks = new Set<Promise<void>>()

  constructor(options: RootCallsOptions) {
    this.#options = options
    this.#topology = options.topology
  }

  /** Aborts when the node stops. */
  get ends(): AbortSignal {
    return this.#aborter.signal
  }

  async stop(): Promise<void> {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
    await Promise.all(this.#tasks)
  }

  /** Throws AtollError UNCLAIMED. */
  known(): Topology {
    const topology = this.#topology.current()
    if (topology === null) throw new AtollError('UNCLAIMED', 'no topology is known here yet')
    return topology
  }

  /**
   * Says it to the first root that answers, then to the others. Null when one took it, else why
   * none did. Rejects with what a root refused for good.
   */
  async plead(
    kind: number,
    body: Uint8Array,
    signal: AbortSignal = this.ends,
  ): Promise<AtollError | null> {
    let failure: unknown = null
    const roots = this.#rootsToAsk()
    for (const [index, root] of roots.entries()) {
      try {
        await this.tell(root, kind, body, signal)
        for (const other of roots.slice(index + 1)) this.#spawn(this.tell(other, kind, body))
        return null
      } catch (error) {
        signal.throwIfAborted()
        if (isFinal(error)) throw error
        failure = error
      }
    }
    return unanswered(failure)
  }

  /** Pleads until a topology shows it; resolves with its number. */
  async pleadUntil(
    kind: number,
    body: Uint8Array,
    isShown: (topology: Topology) => boolean,
  ): Promise<number> {
    const endMs = this.#options.clock.monotonicMs() + DECIDE_MS
    let heard = false
    while (!isShown(this.known())) {
      const unheard = await this.plead(kind, body)
      heard ||= unheard === null
      const leftMs = endMs - this.#options.clock.monotonicMs()
      if (leftMs <= 0) throw heard || unheard === null ? undecided() : unheard
      await this.nextTopology(Math.min(leftMs, REPEAT_MS), this.ends)
    }
    return this.known().number
  }

  /** Says it to every root. Rejects when none takes it. */
  async tellAll(kind: number, body: Uint8Array): Promise<void> {
    await Promise.any(this.#rootsToAsk().map((root) => this.tell(root, kind, body)))
  }

  /** The answer of the first root that gives one. Rejects with NO_QUORUM when none does. */
  async ask(kind: number, body: Uint8Array): Promise<{ from: PeerId; answer: Uint8Array }> {
    let failure: unknown = null
    for (const root of this.#rootsToAsk()) {
      try {
        return { from: root, answer: await this.#request(root, kind, body) }
      } catch (error) {
        if (isFinal(error)) throw error
        failure = error
      }
    }
    throw unanswered(failure)
  }

  /** Resolves with the next topology or after the time; rejects with the signal's reason. */
  async nextTopology(mostMs: number, signal: AbortSignal): Promise<void> {
    const heard = new AbortController()
    const unsubscribe = this.#topology.subscribe(() => heard.abort())
    try {
      await sleep(this.#options.clock, mostMs, AbortSignal.any([signal, heard.signal]))
    } catch (error) {
      if (signal.aborted) throw error
    } finally {
      unsubscribe()
    }
  }

  /** A root's answer is the number that it knows, which is caught up with when it is news. */
  async tell(
    root: PeerId,
    kind: number,
    body: Uint8Array,
    signal: AbortSignal = this.ends,
  ): Promise<number> {
    const number = decodeNumber(await this.#request(root, kind, body, signal))
    this.#topology.onDigest(root, number)
    return number
  }

  #request(root: PeerId, kind: number, body: Uint8Array, signal = this.ends): Promise<Uint8Array> {
    const options = { timeoutMs: REQUEST_TIMEOUT_MS, signal }
    return this.#options.mesh.request(root, kind, body, options)
  }

  /** In the order in which they decide; those that seem to be down come last. */
  #rootsToAsk(): PeerId[] {
    const topology = this.known()
    const live = liveDisks(topology, this.#options.membership)
    const isLive = ({ storageId }: TopologyMember) => live.has(storageId)
    const roots = rootsOf(topology)
    return [...roots.filter(isLive), ...roots.filter((root) => !isLive(root))].map(({ id }) => id)
  }

  /** Its failure matters to nobody. */
  #spawn(work: Promise<unknown>): void {
    const task = work
      .then(() => undefined)
      .catch((error: unknown) => {
        this.#options.log.write('debug', 'topology.root-unheard', { error: String(error) })
      })
      .finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
  }
}

/** In the order of the roots. */
export function rootsOf({ roots, members }: Topology): TopologyMember[] {
  return roots.flatMap((id) => members.filter(({ storageId }) => storageId === id))
}

function unanswered(cause: unknown): AtollError {
  return new AtollError('NO_QUORUM', 'no root of the topology answers', {
    outcome: isAtollError(cause) ? cause.outcome : 'unknown',
    hint: 'see which are up: atoll topology show',
    cause,
  })
}

function undecided(): AtollError {
  return new AtollError('TIMEOUT', 'no topology was decided in time', {
    outcome: 'unknown',
    hint: 'that needs a majority of the roots; see: atoll topology show',
  })
}

function isFinal(error: unknown): boolean {
  return FINAL.some((code) => isAtollError(error, code))
}
