/**
 * Care of the hash trees, a little each round and with no haste.
 *
 * - Some leaves are counted anew from the disk, a partition after the other. A tree is right by its
 *   construction; one that is wrong by a defect would make replicas that are equal compare for ever,
 *   or let those that are not go on so. It is mended, and told of as an error.
 * - Cuts that wait are made where no more have come since the last round, so that whoever compares
 *   the partition need not read all of it first.
 */
import type { Log } from '../../seams/log.ts'
import type { HashTrees } from './hash-trees.ts'

/** Counted anew each round: about a thousand entries. */
const LEAVES = 32
/** Read each round to make cuts; one partition more than that. */
const ENTRIES_MAX = 16_384

export class Upkeep {
  readonly #trees: HashTrees
  readonly #log: Log
  /** Where the next look begins. */
  #at = { partition: 0, key: '' }
  /** By partition, the cuts that waited at the last round. */
  #waited = new Map<number, number>()
  #working: Promise<void> | null = null

  constructor(trees: HashTrees, log: Log) {
    this.#trees = trees
    this.#log = log
  }

  /** `held`: the partitions that are here, in order. Does nothing while the last one goes on. */
  round(held: readonly number[]): void {
    // Whoever needs more of a disk that has failed tells of it.
    this.#working ??= this.#run(held)
      .catch(() => undefined)
      .finally(() => {
        this.#working = null
      })
  }

  /** Resolves when what is under way has ended; after `stop` of the trees that is soon. */
  async ended(): Promise<void> {
    await this.#working
  }

  async #run(held: readonly number[]): Promise<void> {
    await this.#check(held)
    await this.#makeCuts(held)
  }

  async #check(held: readonly number[]): Promise<void> {
    const partition = held.find((each) => each >= this.#at.partition) ?? held[0]
    if (partition === undefined) return
    const from = partition === this.#at.partition ? this.#at.key : ''
    const { isRight, end } = await this.#trees.check(partition, from, LEAVES)
    this.#at = end === null ? { partition: partition + 1, key: '' } : { partition, key: end }
    if (isRight === false)
      this.#log.write('error', 'store.tree-wrong', { partition, from, to: end })
  }

  async #makeCuts(held: readonly number[]): Promise<void> {
    let left = ENTRIES_MAX
    const waiting = new Map<number, number>()
    for (const partition of held) {
      const cuts = this.#trees.pending(partition)
      if (cuts === 0) continue
      const isQuiet = this.#waited.get(partition) === cuts
      if (isQuiet && left > 0) left -= await this.#trees.makeCuts(partition)
      else waiting.set(partition, cuts)
    }
    this.#waited = waiting
  }
}
