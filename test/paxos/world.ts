/**
 * A few nodes with registers over simulated disks, on fakes of the mesh and of membership, under a
 * clock that the test moves. Nodes are letters; the test says what becomes of each request.
 */
import assert from 'node:assert/strict'
import type { AcceptorRecord } from '../../src/paxos/acceptor.ts'
import { decodeAcceptorRecord } from '../../src/paxos/acceptor.ts'
import {
  type PartitionState,
  PartitionStates,
  registerKey,
} from '../../src/paxos/partition-state.ts'
import { placeOf } from '../../src/paxos/place.ts'
import { decodeRegister, type Register } from '../../src/paxos/register.ts'
import { Registers } from '../../src/paxos/registers.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import {
  lettersOf,
  type LayerParts,
  LayerWorld,
  type Question,
  type WorldNode,
  type WorldOptions,
} from '../topology/layer-world.ts'

export type { Fate, Question } from '../topology/layer-world.ts'
export { lettersOf } from '../topology/layer-world.ts'

interface Layer {
  readonly reg: Registers
}
export type RegisterNode = WorldNode & Layer

export class RegisterWorld extends LayerWorld<Layer> {
  /** One set of replicas a partition. */
  static async start(sets: readonly string[], options: WorldOptions = {}): Promise<RegisterWorld> {
    const world = new RegisterWorld(sets, options)
    await world.bootAll(options)
    return world
  }

  protected override make(parts: LayerParts): Layer {
    const reg = new Registers(parts)
    parts.topology.beforeLearn(reg.onLearn)
    return { reg }
  }

  protected override async begin({ reg }: Layer): Promise<void> {
    reg.start()
  }

  reg(name: string): Registers {
    return this.node(name).reg
  }

  /** What a node's disk durably has of a key. */
  record(name: string, key: string): AcceptorRecord | null {
    const { partition } = placeOf(this.latest, key)
    const { database, member } = this.node(name)
    if (database === null) return null
    const { generation } = new PartitionStates(database, member.storageId).durable(partition)
    const bytes = database.get(registerKey(partition, generation, key))
    return bytes === undefined ? null : decodeAcceptorRecord(bytes)
  }

  /** What it remembers of the key's whole partition. */
  state(name: string, key: string): PartitionState {
    const { database, member } = this.node(name)
    assert.ok(database !== null)
    const { partition } = placeOf(this.latest, key)
    return new PartitionStates(database, member.storageId).durable(partition)
  }

  register(name: string, key: string): Register | null {
    const record = this.record(name, key)
    return record === null || record.value.length === 0 ? null : decodeRegister(record.value)
  }

  /** The text that a node's disk has voted for; null: none, or a tombstone. */
  text(name: string, key: string): string | null {
    const register = this.register(name, key)
    if (register === null || register.kind === 'absent') return null
    return new TextDecoder().decode(register.value)
  }

  /** Resolves after that much time: the fate of what comes late. */
  later(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve))
  }

  /** Waits until all of them say that what moves is there. */
  async installed(names: string): Promise<void> {
    const isThere = (name: string): boolean => this.node(name).installed.length > 0
    await this.until(`installed at ${names}`, () => lettersOf(names).every(isThere))
  }
}

/** Fates by kind. */
export function isPrepare({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.REG_PREPARE
}

export function isAccept({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.REG_ACCEPT
}

export function isRead({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.REG_READ
}

export function isForward({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.REG_PROPOSE
}

export function isList({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.REG_LIST
}

export function isInstall({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.REG_INSTALL
}

export function isFetch({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.TOPOLOGY_GET
}
