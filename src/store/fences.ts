/**
 * What keeps data of before a collection out (collect/README.md): of each partition the round that
 * this replica stamps on data that it sends, and the floor below which it takes none.
 *
 * Both belong to a configuration: under another one they are 0, which is also what they are where
 * nothing was ever collected; then nothing is kept. Round ≥ floor at all times.
 */
import { AtollError } from '../base/errors.ts'
import type { Database, Write } from '../disk/database.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'

/** When data was read from the disk of whoever sends it. */
export interface Era {
  readonly cfg: number
  readonly round: number
}

interface Fence extends Era {
  readonly floor: number
}

const PREFIX = 'gc/fence/'
const OPEN: Fence = { cfg: 0, round: 0, floor: 0 }

export class Fences {
  readonly #database: Database
  /** What counts: its round is durable. At most one a partition, read when first asked for. */
  readonly #active = new Map<number, Fence>()
  /** What was last given to the disk: no round up to it is taken part in again. */
  readonly #written = new Map<number, Fence>()

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * What is to be stamped on data of the partition, read in this very turn: a later look may come
   * to more than the data deserve.
   */
  roundOf(partition: number, cfg: number): number {
    const fence = this.#of(partition)
    return fence.cfg === cfg ? fence.round : 0
  }

  /** Whether data may be joined in this very turn; `cfg` is the partition's here and now. */
  admits(partition: number, cfg: number, era: Era): boolean {
    const fence = this.#of(partition)
    return era.cfg === cfg && era.round >= (fence.cfg === cfg ? fence.floor : 0)
  }

  /** The highest round that this replica has taken part in, or is about to. */
  highest(partition: number, cfg: number): number {
    const fence = this.#last(partition)
    return fence.cfg === cfg ? fence.round : 0
  }

  /**
   * Takes part in a round, once: false when in that one or a later one already, or when there is a
   * fence of a later configuration, which a late word of the one before must not take down. `look`
   * runs in the step from which on the round is stamped.
   */
  async raise(partition: number, cfg: number, round: number, look: () => void): Promise<boolean> {
    if (this.#last(partition).cfg > cfg || round <= this.highest(partition, cfg)) return false
    const { floor } = this.#under(partition, cfg)
    const fence = { cfg, round, floor }
    this.#written.set(partition, fence)
    await this.#database.commit([writeOf(partition, fence)])
    const active = this.#under(partition, cfg)
    // The floor may have risen meanwhile, and another configuration or round may have come.
    if (this.#of(partition).cfg > cfg || active.round > round) return false
    this.#active.set(partition, { cfg, round, floor: active.floor })
    look()
    return true
  }

  /**
   * To be in the commit of what is dropped: from now on nothing below the round is taken. Throws
   * when this replica has not taken part in it.
   */
  close(partition: number, cfg: number, round: number): Write {
    const active = this.#under(partition, cfg)
    if (active.round < round) {
      throw new AtollError('CONFLICT', `round ${round} of partition ${partition} was not confirmed`)
    }
    const floor = Math.max(active.floor, round)
    this.#active.set(partition, { ...active, floor })
    const fence = { cfg, round: this.highest(partition, cfg), floor }
    this.#written.set(partition, fence)
    return writeOf(partition, fence)
  }

  #under(partition: number, cfg: number): Fence {
    const fence = this.#of(partition)
    return fence.cfg === cfg ? fence : { ...OPEN, cfg }
  }

  /** What the disk has, or will have next. */
  #last(partition: number): Fence {
    return this.#written.get(partition) ?? this.#of(partition)
  }

  #of(partition: number): Fence {
    const known = this.#active.get(partition)
    if (known !== undefined) return known
    const stored = this.#database.get(PREFIX + partition)
    const fence = stored === undefined ? OPEN : decode(stored)
    this.#active.set(partition, fence)
    return fence
  }
}

function writeOf(partition: number, { cfg, round, floor }: Fence): Write {
  const value = new WireWriter().uint(cfg).uint(round).uint(floor).finish()
  return { key: PREFIX + partition, value }
}

function decode(bytes: Uint8Array): Fence {
  const from = new WireReader(bytes)
  return { cfg: from.uint(), round: from.uint(), floor: from.uint() }
}
