/**
 * Registers in order of their keys. Every member is asked for what it has voted for under a prefix;
 * where a majority of the replicas of a key shows the same vote, that is its value; the others
 * are read one by one. So each entry was current at some moment of the call; all of them together
 * are no snapshot.
 */
import { DEFAULT_DEADLINE_MS } from '../base/call-limits.ts'
import { compareKeys, lowestKey } from '../base/bytes.ts'
import { AtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import { inParallel } from '../base/in-parallel.ts'
import type { Database } from '../disk/database.ts'
import { KeyCursor, leastOf } from '../disk/key-cursor.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import { ANSWER_SHARE, type CallTime, type KnownTopology } from '../topology/known-topology.ts'
import type { Peers } from '../topology/peers.ts'
import type { Topology } from '../topology/topology.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { decodeAcceptorRecord } from './acceptor.ts'
import { equalBallots, isBallot } from './ballot.ts'
import { PAGE_BYTES } from './limits.ts'
import { generationPrefix, type PartitionStates } from './partition-state.ts'
import { majority, placeIn, placeNumber, placeOf } from './place.ts'
import { decodeRegister, type Register } from './register.ts'
import {
  decodeScanAnswer,
  decodeScanQuestion,
  encodeScanAnswer,
  encodeScanQuestion,
  type ScanAnswer,
  type ScanQuestion,
  type ScanVote,
} from './scan-messages.ts'

export interface ScanOptions {
  readonly self: StorageId
  /** Both null on a node without a disk. */
  readonly database: Database | null
  readonly states: PartitionStates | null
  readonly mesh: Mesh
  readonly topology: KnownTopology
  readonly peers: Peers
  readonly clock: Clock
  /** Linearizable. */
  readonly read: (key: string, time: CallTime) => Promise<Register>
}

export interface ScanPage {
  readonly entries: readonly (readonly [string, Register])[]
  /** Last key that was looked at; null at the end. */
  readonly next: string | null
}

/** Who asks does not say how long it waits. */
const CATCH_UP_MS = DEFAULT_DEADLINE_MS
const READS_AT_ONCE = 32

export class RegisterScanner {
  readonly #options: ScanOptions

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: ScanOptions) {
    this.#options = options
    if (options.database === null) return
    options.mesh.handle(REQUEST_KINDS.REG_SCAN, (from, body) => this.#onScan(from, body))
  }

  /** Rejects with NO_QUORUM when too few members answer. */
  async page(prefix: string, after: string, limit: number, time: CallTime): Promise<ScanPage> {
    const known = this.#options.topology
    if (known.isLost) await known.reach(prefix, time)
    const { topology, answers } = await this.#askAll(prefix, after, limit, time)
    if (!coversAll(topology, answers)) {
      throw new AtollError('NO_QUORUM', 'too few members answered to know all keys', {
        hint: 'see: atoll status',
      })
    }
    // Up to here every answer is complete; null: all are complete to the end.
    const end = lowestKey([...answers.values()].map((answer) => answer.end))
    const keys = keysOf(answers, end)
    const shown = keys.slice(0, limit)
    const entries = await this.#settle(topology, shown, answers, time)
    const isCut = end !== null || keys.length > limit
    return { entries, next: isCut ? (shown.at(-1) ?? end) : null }
  }

  /**
   * Who knows a newer topology may show what was current under the older one, while somebody else
   * has changed it: the fence of linearizable reads (REGISTERS.md §2), for many keys at once.
   */
  async #askAll(
    prefix: string,
    after: string,
    limit: number,
    time: CallTime,
  ): Promise<{ topology: Topology; answers: ReadonlyMap<StorageId, ScanAnswer> }> {
    for (;;) {
      const topology = this.#options.topology.get()
      const question = { topology: topology.number, prefix, after, limit }
      const answers = await this.#ask(topology, question, time)
      const newer = [...answers].find(([, answer]) => answer.topology > topology.number)
      if (newer === undefined) return { topology, answers }
      if (this.#options.clock.monotonicMs() >= time.endMs) {
        throw new AtollError('TIMEOUT', 'the topology changed all the time')
      }
      const [id, answer] = newer
      await this.#options.topology.catchUp(answer.topology, id, time)
    }
  }

  /** What is current, of these keys. */
  async #settle(
    topology: Topology,
    keys: readonly string[],
    answers: ReadonlyMap<StorageId, ScanAnswer>,
    time: CallTime,
  ): Promise<(readonly [string, Register])[]> {
    const byKey = votesByKey(answers)
    const found = keys.map((key) => [key, agreedOn(topology, key, byKey)] as const)
    const registers = new Map<string, Register>()
    const open = found.flatMap(([key, register]) => {
      if (register !== null) registers.set(key, register)
      return register === null ? [key] : []
    })
    await inParallel(open, READS_AT_ONCE, async (key) => {
      registers.set(key, await this.#options.read(key, time))
    })
    return keys.flatMap((key) => {
      const register = registers.get(key)
      return register === undefined || register.kind === 'absent' ? [] : [[key, register] as const]
    })
  }

  async #ask(
    topology: Topology,
    question: ScanQuestion,
    { endMs, signal }: CallTime,
  ): Promise<ReadonlyMap<StorageId, ScanAnswer>> {
    const { self, peers, mesh, clock } = this.#options
    const answers = new Map<StorageId, ScanAnswer>()
    const body = encodeScanQuestion(question)
    const timeoutMs = Math.max(1, (endMs - clock.monotonicMs()) * ANSWER_SHARE)
    const given = signal === undefined ? {} : { signal }
    const options = { timeoutMs, trafficClass: 'bulk', ...given } as const
    const asked = topology.members.map(async ({ storageId }) => {
      if (storageId === self) {
        answers.set(self, await this.#scanHere(question))
        return
      }
      const peer: PeerId | undefined = peers.usable(topology, storageId)
      if (peer === undefined) return
      const reply = await mesh.request(peer, REQUEST_KINDS.REG_SCAN, body, options)
      const { answer, storageId: from } = decodeScanAnswer(reply)
      if (from === storageId) answers.set(storageId, answer)
    })
    await Promise.allSettled(asked)
    signal?.throwIfAborted()
    return answers
  }

  async #onScan(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const question = decodeScanQuestion(body)
    const { topology, clock, self } = this.#options
    const endMs = clock.monotonicMs() + CATCH_UP_MS
    await topology.catchUpFrom(question.topology, from.peer, { endMs, signal: undefined })
    return encodeScanAnswer(self, await this.#scanHere(question))
  }

  async #scanHere(question: ScanQuestion): Promise<ScanAnswer> {
    const found = await this.#votesHere(this.#options.topology.get(), question)
    return { ...found, topology: this.#options.topology.get().number }
  }

  async #votesHere(
    topology: Topology,
    { prefix, after, limit }: ScanQuestion,
  ): Promise<Omit<ScanAnswer, 'topology'>> {
    const { database, states, self } = this.#options
    if (database === null || states === null) return { votes: [], end: null }
    const spaces = topology.partitions.flatMap((_, partition) => {
      const isHeld = placeNumber(placeIn(topology, '', partition), self) >= 0
      return isHeld ? [generationPrefix(partition, states.durable(partition).generation)] : []
    })
    const cursors = await Promise.all(
      spaces.map((space) => KeyCursor.open(database, space, prefix, after)),
    )
    const votes: ScanVote[] = []
    let bytes = 0
    let end: string | null = null
    while (votes.length < limit && bytes < PAGE_BYTES) {
      const least = leastOf(cursors)
      if (least === null) return { votes, end: null }
      const [key, record] = await least.take()
      end = key
      const { accepted, value } = decodeAcceptorRecord(record)
      if (!isBallot(accepted)) continue
      votes.push({ key, accepted, value })
      bytes += key.length + value.length
    }
    return { votes, end: leastOf(cursors) === null ? null : end }
  }
}

/** Null: the replicas differ, or the partition moves. */
function agreedOn(
  topology: Topology,
  key: string,
  byKey: ReadonlyMap<string, ReadonlyMap<StorageId, ScanVote>>,
): Register | null {
  const { replicas, previous, cfg } = placeOf(topology, key)
  if (previous !== null) return null
  const votes = replicas.flatMap((id) => byKey.get(key)?.get(id) ?? [])
  for (const vote of votes) {
    const same = votes.filter(({ accepted }) => equalBallots(accepted, vote.accepted))
    const isChosen = vote.accepted.cfg === cfg && same.length >= majority(replicas)
    if (isChosen) return decodeRegister(vote.value)
  }
  return null
}

function votesByKey(
  answers: ReadonlyMap<StorageId, ScanAnswer>,
): ReadonlyMap<string, ReadonlyMap<StorageId, ScanVote>> {
  const byKey = new Map<string, Map<StorageId, ScanVote>>()
  for (const [id, { votes }] of answers) {
    for (const vote of votes) {
      const known = byKey.get(vote.key) ?? new Map<StorageId, ScanVote>()
      byKey.set(vote.key, known.set(id, vote))
    }
  }
  return byKey
}

/** Keys that all answers have got to. */
function keysOf(answers: ReadonlyMap<StorageId, ScanAnswer>, end: string | null): string[] {
  const keys = new Set<string>()
  for (const { votes } of answers.values()) {
    for (const { key } of votes) if (end === null || compareKeys(key, end) <= 0) keys.add(key)
  }
  return [...keys].sort(compareKeys)
}

/** Whether a majority of every set of every partition answered: no key can be hidden from it. */
function coversAll(topology: Topology, answers: ReadonlyMap<StorageId, ScanAnswer>): boolean {
  return topology.partitions.every((_, partition) => {
    const { replicas, previous } = placeIn(topology, '', partition)
    return [replicas, previous ?? replicas].every(
      (group) => group.filter((id) => answers.has(id)).length >= majority(group),
    )
  })
}
