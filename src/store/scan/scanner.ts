/**
 * Scans: keys in order over all partitions, in pages. A page is resumed by its last key.
 *
 * Of each partition one replica gives its records, this node itself where it is one; the others
 * that a majority takes are told the root of its hash tree and a sum of what was given, and give
 * their own records only where both differ from theirs. So a page costs about its own bytes, however
 * many replicas there are.
 */
import { DEFAULT_DEADLINE_MS } from '../../base/call-limits.ts'
import { lowestKey } from '../../base/bytes.ts'
import { AtollError } from '../../base/errors.ts'
import type { PeerId, StorageId } from '../../base/ids.ts'
import type { Mesh, RemotePeer } from '../../mesh/mesh.ts'
import type { Clock } from '../../seams/clock.ts'
import type { KnownTopology } from '../../topology/known-topology.ts'
import type { Peers } from '../../topology/peers.ts'
import type { Topology } from '../../topology/topology.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import { ATTEMPTS_MAX, type CallLimits, nobodyAnswered } from '../calls.ts'
import { PAGE_BYTES } from '../limits.ts'
import { encodeStale } from '../messages.ts'
import { placeIn } from '../place.ts'
import type { StoreRecord } from '../record.ts'
import {
  decodeAnswer,
  decodedEntries,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  type ScanAnswer,
  type ScanEntry,
  type ScanQuestion,
  type ScanRange,
} from './scan-messages.ts'
import { answerScan, type ScanSource } from './scan-answers.ts'
import { endOf, isUpTo, joinedPage, type ScanPage } from './scan-page.ts'
import { ScanPlan, type Shares } from './scan-plan.ts'
import { sumsOf } from './scan-reader.ts'

export interface ScanOptions {
  readonly self: StorageId
  /** null on an edge. */
  readonly source: ScanSource | null
  readonly mesh: Mesh
  readonly topology: KnownTopology
  readonly clock: Clock
  readonly peers: Peers
}

/** A newer topology, and who knows it. */
interface Newer {
  readonly number: number
  readonly peer: PeerId
}

/** What one member gave, as it came and decoded. */
interface Given {
  readonly id: StorageId
  readonly partitions: readonly number[]
  readonly answer: ScanAnswer<Uint8Array>
  readonly entries: readonly ScanEntry<StoreRecord>[]
}

/** One page under way. */
interface Page {
  readonly topology: Topology
  readonly plan: ScanPlan
  readonly range: ScanRange
  readonly limit: number
  readonly limits: CallLimits
  readonly endMs: number
  newer: Newer | null
}

/** Whoever asks for a scan does not say how long it waits: as long as a call does by default. */
const CATCH_UP_MS = DEFAULT_DEADLINE_MS
/** One request's part of the time that is left, so that who does not answer can be replaced twice. */
const ASK_SHARE = 0.45
/** A member that did not answer is asked last for so long. */
const AVOID_MS = 10_000
/**
 * How many of a page's keys one member has is chance. It is asked for a little more than its share, so
 * that the page comes out whole.
 */
const SHARE_SLACK = 1.25
const SHARE_MORE = 8

export class Scanner {
  readonly #options: ScanOptions
  /** Until when those that did not answer are avoided; at most one entry a member. */
  readonly #avoided = new Map<StorageId, number>()

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: ScanOptions) {
    this.#options = options
    if (options.source !== null) {
      options.mesh.handle(REQUEST_KINDS.KV_SCAN, (from, body) => this.#onScan(from, body))
    }
  }

  async page(prefix: string, after: string, limit: number, limits: CallLimits): Promise<ScanPage> {
    const { clock, topology } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    if (topology.isLost) await topology.reach(prefix, { ...limits, endMs })
    for (let attempt = 1; ; attempt++) {
      const known = topology.get()
      const plan = new ScanPlan(known, (id) => this.#orderOf(known, id))
      const range = { prefix, after, upTo: null }
      const page: Page = { topology: known, plan, range, limit, limits, endMs, newer: null }
      const given = await this.#give(page)
      const found = page.newer === null ? await this.#confirm(page, given) : null
      if (limits.signal?.aborted === true) {
        throw new AtollError('CANCELLED', 'the call was given up')
      }
      if (page.newer !== null && attempt < ATTEMPTS_MAX) {
        const { number, peer } = page.newer
        await topology.catchUpFrom(number, peer, { ...limits, endMs })
        continue
      }
      if (found !== null && given.length > 0) return found
      throw nobodyAnswered()
    }
  }

  /** This node first; then whoever is not known to be down, or slow. */
  #orderOf(topology: Topology, id: StorageId): number {
    const { self, peers, clock } = this.#options
    if (id === self) return 0
    if (peers.usable(topology, id) === undefined) return Number.POSITIVE_INFINITY
    const untilMs = this.#avoided.get(id)
    if (untilMs === undefined) return 1
    if (untilMs > clock.monotonicMs()) return 2
    this.#avoided.delete(id)
    return 1
  }

  /** Of each partition the records of one replica, as far as they are to be had. */
  async #give(page: Page): Promise<readonly Given[]> {
    const given: Given[] = []
    const { plan, range } = page
    await this.#rounds(
      page,
      () => plan.toGive(),
      async (id, partitions) => {
        const share = (partitions.length / page.topology.partitions.length) * SHARE_SLACK
        const limit = Math.min(page.limit, Math.ceil(page.limit * share) + SHARE_MORE)
        const bytes = Math.min(PAGE_BYTES, Math.ceil(PAGE_BYTES * share))
        const answer = await this.#ask(page, id, { range, limit, bytes, partitions, given: null })
        if (answer === null) return
        given.push({ id, partitions, answer, entries: decodedEntries(answer.entries) })
        plan.gave(id, partitions)
      },
    )
    return given
  }

  /** Joins with what was given what others hold that differs from it. */
  async #confirm(page: Page, given: readonly Given[]): Promise<ScanPage> {
    const { plan, limit } = page
    const ends = given.map(({ answer }) => endOf(answer))
    const upTo = lowestKey(ends)
    const range = { ...page.range, upTo }
    const within = given.flatMap(({ entries }) => entries.filter(isUpTo(upTo)))
    let sums: ReadonlyMap<number, number> | null = null
    const roots = new Map(
      given.flatMap(({ partitions, answer }) =>
        partitions.map((partition, i) => [partition, answer.roots[i] ?? null] as const),
      ),
    )
    const others: (readonly ScanEntry<StoreRecord>[])[] = []
    await this.#rounds(
      page,
      () => plan.toConfirm(),
      async (id, partitions) => {
        // Once for all who confirm: each entry is in the part of one of them.
        const all = (sums ??= sumsOf(within))
        const answer = await this.#ask(page, id, {
          range,
          limit,
          bytes: PAGE_BYTES,
          partitions,
          given: partitions.map((each) => ({
            sum: all.get(each) ?? 0,
            root: roots.get(each) ?? null,
          })),
        })
        if (answer === null) return
        others.push(decodedEntries(answer.entries))
        ends.push(endOf(answer))
        plan.confirmed(id, partitions)
      },
    )
    const all = [...given.map(({ entries }) => entries), ...others].flat()
    return joinedPage(all, lowestKey([upTo, ...ends]), limit, !plan.isWhole)
  }

  /** Asks all shares at once, and again others for those of members that failed. */
  async #rounds(
    page: Page,
    shares: () => Shares,
    ask: (id: StorageId, partitions: readonly number[]) => Promise<void>,
  ): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      const asked = [...shares()]
      const isOver = clock.monotonicMs() >= page.endMs || page.limits.signal?.aborted === true
      if (asked.length === 0 || isOver || page.newer !== null) return
      await Promise.all(
        asked.map(([id, partitions]) =>
          ask(id, partitions).catch(() => {
            page.plan.failed(id)
            this.#avoid(id, page)
          }),
        ),
      )
    }
  }

  #avoid(id: StorageId, { topology, limits }: Page): void {
    const { self, clock } = this.#options
    if (id === self || limits.signal?.aborted === true) return
    this.#avoided.set(id, clock.monotonicMs() + AVOID_MS)
    const members = new Set(topology.members.map(({ storageId }) => storageId))
    for (const each of this.#avoided.keys()) if (!members.has(each)) this.#avoided.delete(each)
  }

  /** null: it knows a newer topology. */
  async #ask(
    page: Page,
    id: StorageId,
    rest: Omit<ScanQuestion, 'topology'>,
  ): Promise<ScanAnswer<Uint8Array> | null> {
    const { self, peers } = this.#options
    const { topology } = page
    const question = { topology: topology.number, ...rest }
    // '' for this node itself, which is asked without a message.
    const peer = id === self ? '' : peers.usable(topology, id)
    if (peer === undefined) throw new AtollError('UNREACHABLE', 'it is known to be down')
    const answer =
      peer === ''
        ? await this.#answer(question)
        : decodeAnswer(await this.#request(page, peer, question))
    if (typeof answer !== 'number') return answer
    if (answer > (page.newer?.number ?? 0)) page.newer = { number: answer, peer }
    return null
  }

  #request({ limits, endMs }: Page, peer: PeerId, question: ScanQuestion): Promise<Uint8Array> {
    const { mesh, clock } = this.#options
    const leftMs = endMs - clock.monotonicMs()
    return mesh.request(peer, REQUEST_KINDS.KV_SCAN, encodeQuestion(question), {
      timeoutMs: Math.max(1, Math.floor(leftMs * ASK_SHARE)),
      trafficClass: 'bulk',
      ...(limits.signal !== undefined && { signal: limits.signal }),
    })
  }

  async #onScan(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const question = decodeQuestion(body)
    const endMs = this.#options.clock.monotonicMs() + CATCH_UP_MS
    const call = { endMs, signal: undefined }
    await this.#options.topology.catchUpFrom(question.topology, from.peer, call)
    const answer = await this.#answer(question)
    return typeof answer === 'number' ? encodeStale(answer) : encodeAnswer(answer)
  }

  /**
   * The number of a newer topology instead: who acts on an older one does not know whom to ask, and
   * what has moved away may be dropped while it is read.
   */
  async #answer(question: ScanQuestion): Promise<ScanAnswer<Uint8Array> | number> {
    const { topology, source } = this.#options
    if (topology.get().number > question.topology) return topology.get().number
    const before = this.#standing(question)
    const answer = await answerScan(source, question)
    return this.#standing(question) === before ? answer : topology.get().number
  }

  /** Under which configurations this node is a replica of what is asked for; 0: of none. */
  #standing({ partitions }: ScanQuestion): string {
    const { self, topology } = this.#options
    const known = topology.get()
    const cfgs = partitions.map((partition) => {
      const { cfg, targets } = placeIn(known, '', partition)
      return targets.includes(self) ? cfg : 0
    })
    return cfgs.join()
  }
}
