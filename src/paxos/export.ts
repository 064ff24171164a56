/**
 * What the registers hand over to a recovery (REGISTERS.md §4): of each, what the newest vote on
 * the surviving disks says.
 *
 * With a majority of a register's replicas at hand that is everything that was ever acknowledged.
 * With fewer the last changes may be missing. Either way a change may show whose caller was told
 * that its outcome is unknown, or nothing: it was voted for, and nobody can tell any more by how many.
 * With fewer even one that a later vote, on disks that are lost, had overtaken.
 *
 * The new cluster has one history, and the old one ended somewhere: so the recovery counts as a
 * change of each register. Its version is above all that any of these disks saw and above this
 * machine's time, and so are those of registers to come. Whoever remembers a version of the old
 * cluster, even one that is lost, never sees versions go back, and its condition does not hold.
 */
import { AtollError } from '../base/errors.ts'
import { counterAfter } from '../base/hybrid-time.ts'
import type { StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import { endOfSpace } from '../disk/key-cursor.ts'
import { WriteBatches } from '../disk/write-batches.ts'
import type { Clock } from '../seams/clock.ts'
import type { Partition, Topology } from '../topology/topology.ts'
import { WireError } from '../wire/codec.ts'
import { type AcceptorRecord, decodeAcceptorRecord, encodeAcceptorRecord } from './acceptor.ts'
import { type Ballot, compareBallots } from './ballot.ts'
import { CounterGuard } from './counter-guard.ts'
import {
  ALL_REGISTERS,
  generationPrefix,
  learned,
  PartitionStates,
  registerKey,
} from './partition-state.ts'
import { decodeRegister, encodeRegister, type Register, remembering, tagOf } from './register.ts'

interface Survivor {
  readonly directory: string
  readonly storageId: StorageId
  readonly database: Database
}

interface Target {
  readonly storageId: StorageId
  readonly boot: number
  readonly database: Database
  readonly topology: Topology
  readonly clock: Clock
}

/** The clocks of the disks that are lost may have been ahead of this one by this much. */
const AHEAD_MS = 60_000

/** See node/recover/exporter.ts. Partitions must be as many as before: registers lie in them. */
export const registerExporter = {
  what: 'registers',

  async run(sources: readonly Survivor[], newest: Topology, into: Target): Promise<number> {
    const disks = sources.map((source) => new SurvivingDisk(source))
    const counter = counterAfter(await newestCounter(disks, newest), into.clock.wallMs() + AHEAD_MS)
    const states = new PartitionStates(into.database, into.storageId)
    const batches = new WriteBatches(into.database)
    for (const write of new CounterGuard(into.database, into.clock).note(counter)) {
      await batches.add(write)
    }
    let registers = 0
    for (const [partition, { cfg }] of into.topology.partitions.entries()) {
      const state = { ...states.latest(partition), dataCfg: cfg, installed: cfg }
      await batches.add(states.write(partition, { ...state, counterMax: counter }))
      const ballot = { cfg, counter, storageId: into.storageId, boot: into.boot }
      for await (const [key, register] of newestVotes(disks, newest, partition)) {
        const isAbsent = register.kind === 'absent'
        if (isAbsent && !remembersNames(register)) continue
        const name = registerKey(partition, state.generation, key)
        await batches.add({ key: name, value: recovered(register, ballot) })
        if (!isAbsent) registers++
      }
    }
    await batches.flush()
    return registers
  },
}

/** A deleted register may have to tell what became of a call that is repeated; upkeep forgets it. */
function remembersNames({ recent }: Register): boolean {
  return recent.some(({ operations }) => operations.length > 0)
}

/** As a vote of the new cluster's one replica, by which it is chosen. */
function recovered(register: Register, ballot: Ballot): Uint8Array {
  const { counter } = ballot
  const change = { tag: tagOf(ballot), first: counter, last: counter, operations: [] }
  const value = encodeRegister({
    ...register,
    revision: counter,
    changes: register.changes + 1,
    recent: remembering(change, register.recent),
  })
  return encodeAcceptorRecord({ promised: ballot, accepted: ballot, value })
}

/** Each key once, in no order across disks. */
async function* newestVotes(
  all: readonly SurvivingDisk[],
  newest: Topology,
  partition: number,
): AsyncGenerator<readonly [string, Register]> {
  const placed = newest.partitions[partition]
  if (placed === undefined) return
  const disks = trusted(all, partition, placed)
  for (const [index, disk] of disks.entries()) {
    for await (const [key, record] of disk.votes(partition)) {
      const isNewest = disks.every((other, i) => {
        const held = i === index ? null : other.vote(partition, key)
        const order = held === null ? -1 : compareBallots(held.accepted, record.accepted)
        return order < 0 || (order === 0 && i > index)
      })
      if (isNewest) yield [key, disk.register(record)]
    }
  }
}

/**
 * A disk that the partition moved away from may hold what was deleted and forgotten since. It is
 * listened to only where no disk is left that had all there was.
 */
function trusted(
  disks: readonly SurvivingDisk[],
  partition: number,
  placed: Partition,
): readonly SurvivingDisk[] {
  const current = disks.filter((disk) => disk.isCurrent(partition, placed))
  return current.some((disk) => disk.isWhole(partition, placed)) ? current : disks
}

async function newestCounter(
  disks: readonly SurvivingDisk[],
  { partitions }: Topology,
): Promise<number> {
  let newest = 0
  for (const disk of disks) {
    for (const partition of partitions.keys()) {
      newest = Math.max(newest, disk.counterOf(partition))
    }
    newest = Math.max(newest, await disk.newestCounter())
  }
  return newest
}

class SurvivingDisk {
  readonly #directory: string
  readonly #storageId: StorageId
  readonly #database: Database
  readonly #states: PartitionStates

  constructor({ directory, storageId, database }: Survivor) {
    this.#directory = directory
    this.#storageId = storageId
    this.#database = database
    this.#states = new PartitionStates(database, storageId)
  }

  /** Whether what it holds of the partition counts by the newest topology (the learn rule). */
  isCurrent(partition: number, placed: Partition): boolean {
    const state = this.#states.latest(partition)
    const { generation } = learned(state, placed, this.#storageId)
    return state.dataCfg !== 0 && generation === state.generation
  }

  /** Whether it is one of those whose majority has all that was ever acknowledged. */
  isWhole(partition: number, { cfg, replicas, prev }: Partition): boolean {
    const { installed } = this.#states.latest(partition)
    const isInstalled = installed === cfg && replicas.includes(this.#storageId)
    return isInstalled || (prev ?? { replicas }).replicas.includes(this.#storageId)
  }

  counterOf(partition: number): number {
    const { floor, counterMax } = this.#states.latest(partition)
    return Math.max(floor.counter, counterMax)
  }

  /** The highest that a register here shows. */
  async newestCounter(): Promise<number> {
    let newest = 0
    const range = { from: ALL_REGISTERS, to: endOfSpace(ALL_REGISTERS) }
    for await (const [, stored] of this.#database.scan(range)) {
      const record = this.#record(stored)
      const revision = record.value.length === 0 ? 0 : this.register(record).revision
      newest = Math.max(newest, record.promised.counter, revision)
    }
    return newest
  }

  async *votes(partition: number): AsyncGenerator<readonly [string, AcceptorRecord]> {
    const prefix = generationPrefix(partition, this.#states.latest(partition).generation)
    const range = { from: prefix, to: endOfSpace(prefix) }
    for await (const [name, stored] of this.#database.scan(range)) {
      const record = this.#record(stored)
      if (record.value.length > 0) yield [name.slice(prefix.length), record]
    }
  }

  /** Null where it never voted. */
  vote(partition: number, key: string): AcceptorRecord | null {
    const { generation } = this.#states.latest(partition)
    const stored = this.#database.get(registerKey(partition, generation, key))
    const record = stored === undefined ? null : this.#record(stored)
    return record === null || record.value.length === 0 ? null : record
  }

  register(record: AcceptorRecord): Register {
    return this.#decoded(() => decodeRegister(record.value))
  }

  #record(stored: Uint8Array): AcceptorRecord {
    return this.#decoded(() => decodeAcceptorRecord(stored))
  }

  #decoded<T>(decode: () => T): T {
    try {
      return decode()
    } catch (cause) {
      if (!(cause instanceof WireError)) throw cause
      throw new AtollError('DISK_DAMAGED', `${this.#directory}: a register cannot be read`, {
        hint: 'leave this directory out, if the others have what it has',
        cause,
      })
    }
  }
}
