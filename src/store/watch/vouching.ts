/**
 * How a disk of which a stream does not know that all was told becomes a keeper again, so that
 * replicas can be restarted or replaced one after another under a watch without a gap.
 *
 * A keeper vouches for it: where both hold the same of a partition, by the roots of their hash trees, whatever
 * the disk took in unheard is at the keeper too, and told by it up to that change. What the disk
 * takes in later it tells itself. So it has told all, or others have, as soon as the stream has read
 * both up to there. That values have run out is in no root: the disk may have passed over in silence what
 * was due by its clock, and the keeper has told of that once it has swept beyond that time. Its clock
 * alone does not say so: a sweep may be late, after a failure, of many values, or where the clock was set.
 *
 * While a partition is written so fast that two looks at it never show the same nobody can vouch;
 * it is tried again, ever more seldom.
 */
import type { StorageId } from '../../base/ids.ts'
import { type Clock, sleep } from '../../seams/clock.ts'
import type { Continuity } from './continuity.ts'
import type { RootsAnswer, RootsQuestion } from './feed-messages.ts'

/** Where a stream is at a disk. */
export interface Whereabouts {
  readonly run: number
  readonly seq: number
}

export interface VouchingOptions {
  readonly prefix: string
  readonly clock: Clock
  readonly continuity: Continuity
  /** null: the disk is not followed, or has not answered yet. */
  readonly at: (id: StorageId) => Whereabouts | null
  /** Rejects when the disk cannot be asked. */
  readonly ask: (
    id: StorageId,
    question: RootsQuestion,
    signal: AbortSignal,
  ) => Promise<RootsAnswer>
}

/** Until it is looked first, and how seldom at last. */
const LOOK_MS = 1000
const LOOK_MS_MAX = 30_000
/** Looks at a keeper's sweep and at what has been read, a second apart. */
const CONFIRMATIONS_MAX = 10

export class Vouching {
  readonly #options: VouchingOptions
  readonly #aborter = new AbortController()
  #isRunning = false
  #pauseMs = LOOK_MS
  #attempt = 0
  /** Of the pause under way. */
  #pause = new AbortController()

  constructor(options: VouchingOptions) {
    this.#options = options
  }

  /** There may be disks in doubt. */
  look(): void {
    this.#pauseMs = LOOK_MS
    this.#pause.abort()
    if (this.#isRunning || this.#aborter.signal.aborted) return
    if (!this.#options.continuity.isAnyInDoubt) return
    this.#isRunning = true
    this.#run().catch(() => undefined)
  }

  stop(): void {
    this.#aborter.abort()
    this.#pause.abort()
  }

  async #run(): Promise<void> {
    const { continuity } = this.#options
    try {
      while (continuity.isAnyInDoubt && !this.#aborter.signal.aborted) {
        if (!(await this.#hasPaused())) continue
        this.#pauseMs = Math.min(2 * this.#pauseMs, LOOK_MS_MAX)
        for (const { id, byKeeper } of continuity.doubts(this.#attempt++)) {
          for (const [keeper, partitions] of byKeeper) {
            // One that cannot be asked now is another time.
            await this.#vouch(id, keeper, partitions).catch(() => undefined)
          }
        }
      }
    } finally {
      this.#isRunning = false
    }
  }

  /** False: something has happened meanwhile. */
  async #hasPaused(): Promise<boolean> {
    this.#pause = new AbortController()
    const pause = sleep(this.#options.clock, this.#pauseMs, this.#pause.signal)
    return pause.then(
      () => true,
      () => false,
    )
  }

  async #vouch(id: StorageId, keeper: StorageId, partitions: readonly number[]): Promise<void> {
    const { continuity } = this.#options
    const turns = [continuity.turnOf(id), continuity.turnOf(keeper)]
    const mine = await this.#ask(id, partitions)
    const theirs = await this.#ask(keeper, partitions)
    const equal = partitions.filter((_, i) => {
      return mine.roots[i] !== null && mine.roots[i] === theirs.roots[i]
    })
    if (equal.length === 0 || !(await this.#isReadSince(id, mine, keeper, theirs))) return
    const isStill = turns[0] === continuity.turnOf(id) && turns[1] === continuity.turnOf(keeper)
    if (!isStill) return
    const kept = equal.filter((p) => continuity.keeps(keeper, p))
    continuity.trust(id, kept)
    this.#pauseMs = LOOK_MS
  }

  /** Whether both were read up to where they were the same, and the keeper beyond what had run out. */
  async #isReadSince(
    id: StorageId,
    mine: RootsAnswer,
    keeper: StorageId,
    theirs: RootsAnswer,
  ): Promise<boolean> {
    let confirmed = theirs
    for (let i = 0; i < CONFIRMATIONS_MAX; i++) {
      if (confirmed.run !== theirs.run) return false
      const isSwept = confirmed.sweptMs > mine.wallMs
      if (isSwept && this.#isRead(id, mine) && this.#isRead(keeper, confirmed)) return true
      await sleep(this.#options.clock, LOOK_MS, this.#aborter.signal)
      // What it tells meanwhile need not be waited for.
      if (!isSwept) confirmed = await this.#ask(keeper, [])
    }
    return false
  }

  #isRead(id: StorageId, { run, upTo }: RootsAnswer): boolean {
    const at = this.#options.at(id)
    return at !== null && at.run === run && at.seq >= upTo
  }

  async #ask(id: StorageId, partitions: readonly number[]): Promise<RootsAnswer> {
    const { at, ask, prefix } = this.#options
    const { run, seq: after } = at(id) ?? { run: 0, seq: 0 }
    return ask(id, { prefix, run, after, partitions }, this.#aborter.signal)
  }
}
