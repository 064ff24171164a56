/**
 * What a replica remembers of a whole partition: under which configuration its registers are, and
 * the floor that stands for those that were collected (REGISTERS.md §1, §4 "learn", §5).
 *
 * Registers lie under the number of a generation. To wipe a partition is to count it up, which is
 * one small write beside the topology that causes it, however much there is to wipe.
 */
import type { StorageId } from '../base/ids.ts'
import type { Database, Write } from '../disk/database.ts'
import type { Partition, Topology } from '../topology/topology.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { type Ballot, NO_BALLOT, readBallot, writeBallot } from './ballot.ts'

export interface PartitionState {
  readonly generation: number
  /** Configuration by whose rules the registers here came to be; 0: there are none. */
  readonly dataCfg: number
  /** Highest configuration under which everything chosen before has a chosen ballot. */
  readonly installed: number
  /** At or below it nothing is promised for a register that is not here. */
  readonly floor: Ballot
  /** Counters that new revisions must exceed although no register here shows them. */
  readonly counterMax: number
}

const EMPTY: PartitionState = {
  generation: 0,
  dataCfg: 0,
  installed: 0,
  floor: NO_BALLOT,
  counterMax: 0,
}

const STATES = 'paxos/partition/'
/** Where all registers lie, of whatever partition and generation. */
export const ALL_REGISTERS = 'reg/'

export class PartitionStates {
  readonly #database: Database
  readonly #self: StorageId
  /** The durable ones, as of the topology that is shown. At most one a partition. */
  readonly #known = new Map<number, PartitionState>()
  /** Partitions whose state changes with the topology that is being learned. */
  readonly #learning = new Set<number>()

  constructor(database: Database, self: StorageId) {
    this.#database = database
    this.#self = self
  }

  /** What answers may be built from. It changes with the topology and not before it. */
  durable(partition: number): PartitionState {
    let state = this.#known.get(partition)
    if (state === undefined) {
      state = decode(this.#database.get(stateKey(partition)))
      this.#known.set(partition, state)
    }
    return state
  }

  /** What changes build on. */
  latest(partition: number): PartitionState {
    return decode(this.#database.latest(stateKey(partition)))
  }

  /** The write that makes a change of `latest`; `confirm` when it is durable. */
  write(partition: number, state: PartitionState): Write {
    return { key: stateKey(partition), value: encode(state) }
  }

  confirm(partition: number, state: PartitionState): void {
    const { generation, dataCfg } = this.durable(partition)
    const isShown = generation === state.generation && dataCfg === state.dataCfg
    if (isShown) this.#known.set(partition, state)
  }

  /** For `beforeLearn`: what a topology makes of the registers here, in the same batch. */
  onLearn(next: Topology): readonly Write[] {
    const writes: Write[] = []
    for (const [partition, placed] of next.partitions.entries()) {
      const before = this.latest(partition)
      const after = learned(before, placed, this.#self)
      if (after === before) continue
      // Kept as it is until the topology is shown, whatever is durable by then.
      this.durable(partition)
      this.#learning.add(partition)
      writes.push(this.write(partition, after))
    }
    return writes
  }

  /** The topology is shown. */
  onLearned(): void {
    for (const partition of this.#learning) this.#known.delete(partition)
    this.#learning.clear()
  }
}

/**
 * The learn rule. Data of a configuration that is neither the current nor the one it moves from has
 * been overtaken: what counted then was agreed on without this disk. The mark is set by learning
 * and not by installing, else the votes in between would be lost; and not where this disk only
 * hands over, else stale data would pass for good.
 */
export function learned(
  before: PartitionState,
  { cfg, replicas, prev }: Partition,
  self: StorageId,
): PartitionState {
  const isReplica = replicas.includes(self)
  const isCurrent = before.dataCfg === cfg || before.dataCfg === prev?.cfg
  const isGone = !isReplica && prev === null
  const { generation } = before
  const kept =
    before.dataCfg !== 0 && (!isCurrent || isGone)
      ? { ...EMPTY, generation: generation + 1 }
      : before
  if (!isReplica) return kept
  const installed = prev === null ? cfg : kept.installed
  if (kept.dataCfg === cfg && kept.installed === installed) return kept
  return { ...kept, dataCfg: cfg, installed }
}

export function registerKey(partition: number, generation: number, key: string): string {
  return generationPrefix(partition, generation) + key
}

export function generationPrefix(partition: number, generation: number): string {
  return `${ALL_REGISTERS}${hex(partition)}/${generation}/`
}

/** Of a register's name in the database; null when it is none. */
export function spaceOf(
  name: string,
): { readonly partition: number; readonly generation: number; readonly prefix: string } | null {
  const found = /^reg\/([0-9a-f]{4})\/(\d+)\//.exec(name)
  if (found === null) return null
  const [prefix, partition = '', generation = ''] = found
  return { partition: Number.parseInt(partition, 16), generation: Number(generation), prefix }
}

function stateKey(partition: number): string {
  return STATES + hex(partition)
}

function hex(partition: number): string {
  return partition.toString(16).padStart(4, '0')
}

function encode({ generation, dataCfg, installed, floor, counterMax }: PartitionState): Uint8Array {
  const out = new WireWriter().uint(generation).uint(dataCfg).uint(installed)
  return writeBallot(out, floor).uint(counterMax).finish()
}

function decode(bytes: Uint8Array | undefined): PartitionState {
  if (bytes === undefined) return EMPTY
  const from = new WireReader(bytes)
  const generation = from.uint()
  const dataCfg = from.uint()
  const installed = from.uint()
  return { generation, dataCfg, installed, floor: readBallot(from), counterMax: from.uint() }
}
