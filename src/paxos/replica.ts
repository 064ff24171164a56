/**
 * One replica's acceptors: it finds the record, applies the rules (`acceptor.ts`), makes the result
 * durable, and only then answers. Reads show what is durable and nothing else.
 *
 * The fence (REGISTERS.md §2). Who durably knows a topology serves nothing of an older
 * configuration of a partition that has moved: no promise, no vote, no read. Who is asked under a
 * newer one fetches it first. The look is taken again before the answer leaves: a topology that
 * became durable meanwhile makes the answer void.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Database, Write } from '../disk/database.ts'
import { endOfSpace } from '../disk/key-cursor.ts'
import type { RemotePeer } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { TopologyView } from '../topology/topology.ts'
import {
  type AcceptorRecord,
  decodeAcceptorRecord,
  encodeAcceptorRecord,
  mayRemove,
  onAccept,
  onPrepare,
} from './acceptor.ts'
import { type Ballot, higherBallot, NO_BALLOT } from './ballot.ts'
import { CounterGuard } from './counter-guard.ts'
import { LIST_KEYS, PAGE_BYTES } from './limits.ts'
import { type ListedPage, listedPage } from './list-messages.ts'
import type { Header } from '../topology/request-header.ts'
import type { Held, Promised, Reply } from './messages.ts'
import { generationPrefix, PartitionStates, registerKey } from './partition-state.ts'
import { type Place, placeIn, placeNumber } from './place.ts'
import { decodeRegister } from './register.ts'

export interface ReplicaOptions {
  readonly self: StorageId
  readonly database: Database
  readonly topology: TopologyView
  readonly clock: Clock
  /** A register may have changed here; called when it is durable. */
  readonly onAccepted: (key: string, value: Uint8Array, ballot: Ballot) => void
  /** A partition has been installed here under this configuration; durable. */
  readonly onInstalled: (partition: number, cfg: number) => void
}

/** Values up to this size travel with every answer to a read. */
const SMALL_BYTES = 1024

export interface Vote {
  readonly ballot: Ballot
  readonly next: Ballot
  /** An encoded register; kept, so not a view of a frame. */
  readonly value: Uint8Array
}

export interface RegisterPage {
  readonly entries: readonly (readonly [string, AcceptorRecord])[]
  /** Null at the end. */
  readonly after: string | null
}

/** A reply, or a promise of one where the topology or the disk must come first. */
type Soon<T> = Promise<Reply<T>>

export class Replica {
  readonly states: PartitionStates
  readonly #options: ReplicaOptions
  readonly #guard: CounterGuard
  /** The newest write; those before it are durable when it is. */
  #lastWrite: Promise<unknown> = Promise.resolve()

  constructor(options: ReplicaOptions) {
    this.#options = options
    this.states = new PartitionStates(options.database, options.self)
    this.#guard = new CounterGuard(options.database, options.clock)
  }

  prepare(header: Header, key: string, ballot: Ballot): Soon<Promised> {
    return this.#serve(header, async (place) => {
      this.#checkCounter(ballot.counter)
      const { partition } = place
      const name = this.#name(partition, key)
      const latest = this.states.latest(partition)
      const step = onPrepare(this.#latest(name), latest.floor, ballot)
      if (step.kind === 'rejected') return this.#rejected(place, step.by)
      const { record } = step
      await this.#store([{ key: name, value: encodeAcceptorRecord(record) }], ballot.counter)
      const { accepted, value } = record
      const installed = this.states.durable(partition).installed === place.cfg
      const counterMax = Math.max(latest.counterMax, latest.floor.counter)
      return this.#answer(place, { accepted, value, installed, counterMax })
    })
  }

  accept(header: Header, key: string, vote: Vote): Soon<null> {
    return this.#serve(header, async (place) => {
      const counter = Math.max(vote.ballot.counter, vote.next.counter)
      this.#checkCounter(counter)
      // Old replicas of a partition that moves promise, and vote no more.
      if (!place.replicas.includes(this.#options.self)) return this.#stale(place)
      const name = this.#name(place.partition, key)
      const { floor } = this.states.latest(place.partition)
      const step = onAccept(this.#latest(name), floor, vote)
      if (step.kind === 'rejected') return this.#rejected(place, step.by)
      const write = { key: name, value: encodeAcceptorRecord(step.record) }
      await this.#store([write], counter)
      this.#options.onAccepted(key, vote.value, vote.ballot)
      return this.#answer(place, null)
    })
  }

  read(header: Header, key: string, withValue: boolean): Soon<Held> {
    return this.#serve(header, async (place) => {
      const record = this.durable(place.partition, key)
      const { accepted, value } = record ?? { accepted: NO_BALLOT, value: new Uint8Array() }
      const installed = this.states.durable(place.partition).installed === place.cfg
      const shown = withValue || value.length <= SMALL_BYTES ? value : null
      return this.#answer(place, { accepted, value: shown, installed })
    })
  }

  /**
   * Registers of a partition in order of their keys, for who installs it elsewhere. This replica
   * knows the configuration of the header durably, so it accepts nothing more under an older one;
   * what it accepted before is waited for.
   */
  list(header: Header, after: string): Soon<ListedPage> {
    return this.#serve(header, async (place) => {
      await this.settled()
      const { floor, counterMax } = this.states.durable(place.partition)
      const page = await this.page(place.partition, after, LIST_KEYS)
      return this.#answer(place, listedPage(page, Math.max(floor.counter, counterMax)))
    })
  }

  /** A page of what is durable here, bounded in entries and bytes. */
  async page(partition: number, after: string, entriesMax: number): Promise<RegisterPage> {
    const { generation } = this.states.durable(partition)
    const prefix = generationPrefix(partition, generation)
    const from = after === '' ? prefix : `${prefix}${after}\u0000`
    const entries: (readonly [string, AcceptorRecord])[] = []
    const range = { from, to: endOfSpace(prefix), limit: entriesMax }
    let bytesLeft = PAGE_BYTES
    for await (const [name, bytes] of this.#options.database.scan(range)) {
      entries.push([name.slice(prefix.length), decodeAcceptorRecord(bytes)])
      bytesLeft -= bytes.length
      if (bytesLeft <= 0) break
    }
    const isEnd = bytesLeft > 0 && entries.length < entriesMax
    return { entries, after: isEnd ? null : (entries.at(-1)?.[0] ?? null) }
  }

  /** Everything chosen before has a chosen ballot under the header's configuration. */
  install(header: Header, counterMax: number): Soon<null> {
    return this.#serve(header, async (place) => {
      if (!place.replicas.includes(this.#options.self)) return this.#stale(place)
      const { partition, cfg } = place
      this.#checkCounter(counterMax)
      // The durable one: a write of the same that is under way may yet fail.
      const durable = this.states.durable(partition)
      if (durable.installed !== cfg || durable.counterMax < counterMax) {
        const before = this.states.latest(partition)
        const counter = Math.max(before.counterMax, counterMax)
        const state = { ...before, installed: cfg, counterMax: counter }
        await this.#store([this.states.write(partition, state)], counterMax)
        this.states.confirm(partition, state)
      }
      this.#options.onInstalled(partition, cfg)
      return this.#answer(place, null)
    })
  }

  /** Forgets a tombstone that every replica has accepted at this very ballot (REGISTERS.md §5). */
  remove(header: Header, key: string, ballot: Ballot): Soon<null> {
    return this.#serve(header, async (place) => {
      const { partition, previous } = place
      const name = this.#name(partition, key)
      const record = this.#latest(name)
      if (previous === null && record !== null && mayRemove(record, ballot)) {
        const register = decodeRegister(record.value)
        if (register.kind === 'absent') await this.#drop(partition, name, record, register.revision)
      }
      return this.#answer(place, null)
    })
  }

  /** A register that was only promised: its promise goes into the floor. */
  async dropEmpty(partition: number, key: string): Promise<void> {
    const name = this.#name(partition, key)
    const record = this.#latest(name)
    if (record === null || record.value.length > 0) return
    await this.#drop(partition, name, record, 0)
  }

  async #drop(
    partition: number,
    name: string,
    { promised }: AcceptorRecord,
    revision: number,
  ): Promise<void> {
    const before = this.states.latest(partition)
    const floor = higherBallot(before.floor, promised)
    const counterMax = Math.max(before.counterMax, revision)
    const state = { ...before, floor, counterMax }
    await this.#store([{ key: name, value: null }, this.states.write(partition, state)], 0)
    this.states.confirm(partition, state)
  }

  /** The durable record of a register. */
  durable(partition: number, key: string): AcceptorRecord | null {
    const bytes = this.#options.database.get(this.#name(partition, key))
    return bytes === undefined ? null : decodeAcceptorRecord(bytes)
  }

  /** Resolves when every write that has begun by now is durable or has failed. */
  async settled(): Promise<void> {
    await this.#lastWrite.catch(() => undefined)
  }

  /**
   * Serves a request of our configuration. The look at it and what `serve` does before it first
   * waits are one step. Afterwards it is looked at again.
   */
  async #serve<T>(header: Header, serve: (place: Place) => Promise<Reply<T>>): Promise<Reply<T>> {
    const place = this.#placeNow(header.partition)
    if (!this.#serves(place, header)) return this.#stale(place)
    const reply = await serve(place)
    if (this.#options.topology.current() === place.topology) return reply
    const now = this.#placeNow(header.partition)
    return this.#serves(now, header) ? reply : this.#stale(now)
  }

  /** Waits for the topology that the sender knows; rejects when it cannot be had. */
  async catchUp(header: Header, from: RemotePeer): Promise<void> {
    const { topology } = this.#options
    const known = topology.current()?.number ?? 0
    if (known < header.topology) await topology.catchUp(header.topology, from.peer)
  }

  #placeNow(partition: number): Place {
    const topology = this.#options.topology.current()
    if (topology !== null) return placeIn(topology, '', partition)
    throw new AtollError('UNCLAIMED', 'this replica knows no topology')
  }

  #serves(place: Place, { cfg }: Header): boolean {
    return place.cfg === cfg && placeNumber(place, this.#options.self) >= 0
  }

  #name(partition: number, key: string): string {
    return registerKey(partition, this.states.durable(partition).generation, key)
  }

  #latest(name: string): AcceptorRecord | null {
    const bytes = this.#options.database.latest(name)
    return bytes === undefined ? null : decodeAcceptorRecord(bytes)
  }

  async #store(writes: readonly Write[], counter: number): Promise<void> {
    const stored = this.#options.database.commit([...writes, ...this.#guard.note(counter)])
    this.#lastWrite = stored
    await stored
  }

  /** Such a counter comes from a wild clock, and is not followed. */
  isTooFarAhead(counter: number): boolean {
    return this.#guard.isTooFarAhead(counter)
  }

  #checkCounter(counter: number): void {
    if (!this.isTooFarAhead(counter)) return
    throw new AtollError('CLOCK_SKEW', 'the ballot lies more than a day ahead', {
      hint: 'set the clocks of the machines; see: atoll doctor',
    })
  }

  #answer<T>(place: Place, body: T): Reply<T> {
    return { kind: 'answer', place: placeNumber(place, this.#options.self), body }
  }

  #rejected(place: Place, by: Ballot): Reply<never> {
    return { kind: 'rejected', place: placeNumber(place, this.#options.self), by }
  }

  #stale({ topology }: Place): Reply<never> {
    return { kind: 'stale', topology: topology.number }
  }
}
