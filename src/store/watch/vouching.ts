/**
 * How the disks that a stream follows are proven to have told all, so that replicas can be
 * restarted or replaced one after another under a watch without a gap.
 *
 * Where disks hold the same of a partition, by the roots of their hash trees, whatever one of them
 * took in unheard is at the other too, and told by it up to that change. What comes later each tells itself.
 * So a proven keeper vouches for a disk in doubt as soon as the stream has read both up to there, and
 * as many keepers as a list cannot have left out prove each other. That values have run out is in no
 * root: the disk may have passed over in silence what was due by its clock, and the keeper has told of
 * that once it has swept beyond that time. Its clock alone does not say so: a sweep may be late, after
 * a failure, of many values, or where the clock was set.
 *
 * While a partition is written so fast that looks at it never show the same nobody can vouch; it is
 * tried again, ever more seldom. Each disk is asked once a time, for all of its partitions.
 */
import type { StorageId } from '../../base/ids.ts'
import { type Clock, sleep } from '../../seams/clock.ts'
import type { Continuity } from './continuity.ts'
import type { RootsAnswer, RootsQuestion } from './feed-messages.ts'
import { disksOf, gathered, type Look, type LookAt } from './look.ts'

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

/** What a disk has answered. */
interface Seen extends Omit<RootsAnswer, 'roots'> {
  /** When its standing had fallen last. */
  readonly turn: number
  /** By partition. */
  readonly roots: ReadonlyMap<number, number | null>
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
  /** Of the pause under way, or the next one. */
  #pauseMs = LOOK_MS
  #attempt = 0
  /** Of the pause under way. */
  #pause = new AbortController()

  constructor(options: VouchingOptions) {
    this.#options = options
  }

  /** There may be disks that are not proven. */
  look(): void {
    // One as short is not begun anew: while data moves there is more all the time.
    if (this.#pauseMs > LOOK_MS) this.#pause.abort()
    this.#pauseMs = LOOK_MS
    if (this.#isRunning || this.#aborter.signal.aborted) return
    if (!this.#options.continuity.isAnyUnproven) return
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
      while (continuity.isAnyUnproven && !this.#aborter.signal.aborted) {
        if (!(await this.#hasPaused())) continue
        this.#pauseMs = Math.min(2 * this.#pauseMs, LOOK_MS_MAX)
        await this.#pass().catch(() => undefined)
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

  async #pass(): Promise<void> {
    const { continuity, clock } = this.#options
    const looks = continuity.looks(this.#attempt++)
    const seen = await this.#askAll(looks)
    let open = looks.flatMap((look) => agreedOf(look, seen))
    for (let i = 0; open.length > 0 && i < CONFIRMATIONS_MAX; i++) {
      if (i > 0) {
        await sleep(clock, LOOK_MS, this.#aborter.signal)
        await this.#askAgain(open, seen)
      }
      const left: Look[] = []
      for (const look of open) {
        if (this.#isTold(look, seen)) this.#prove(look, seen)
        else left.push(look)
      }
      open = left
    }
  }

  async #askAll(looks: readonly Look[]): Promise<Map<StorageId, Seen>> {
    const wanted = new Map<StorageId, Set<number>>()
    for (const look of looks) {
      for (const id of disksOf(look)) {
        const partitions = wanted.get(id) ?? new Set()
        for (const p of look.partitions) partitions.add(p)
        wanted.set(id, partitions)
      }
    }
    const seen = new Map<StorageId, Seen>()
    const asked = [...wanted].map(async ([id, set]) => {
      const partitions = [...set]
      const turn = this.#options.continuity.turnOf(id)
      const { roots, ...at } = await this.#ask(id, partitions)
      const known = partitions.map((p, i) => [p, roots[i] ?? null] as const)
      seen.set(id, { ...at, turn, roots: new Map(known) })
    })
    // One that cannot be asked now is another time.
    await Promise.allSettled(asked)
    return seen
  }

  /** Keepers that had to sweep. What they have told meanwhile is to be read as well. */
  async #askAgain(looks: readonly Look[], seen: Map<StorageId, Seen>): Promise<void> {
    const behind = new Set<StorageId>()
    for (const look of looks) {
      if (look.keeper !== null && !hasSwept(look, seen)) behind.add(look.keeper)
    }
    const asked = [...behind].map(async (id) => {
      const { run, upTo, wallMs, sweptMs } = await this.#ask(id, [])
      const before = seen.get(id)
      if (before?.run === run) seen.set(id, { ...before, upTo, wallMs, sweptMs })
      else seen.delete(id)
    })
    await Promise.allSettled(asked)
  }

  /** Whether all were read up to where they were the same, and the keeper beyond what had run out. */
  #isTold(look: Look, seen: ReadonlyMap<StorageId, Seen>): boolean {
    return hasSwept(look, seen) && disksOf(look).every((id) => this.#isRead(id, seen.get(id)))
  }

  #isRead(id: StorageId, seen: Seen | undefined): boolean {
    const at = this.#options.at(id)
    return seen !== undefined && at !== null && at.run === seen.run && at.seq >= seen.upTo
  }

  #prove(look: Look, seen: ReadonlyMap<StorageId, Seen>): void {
    const { continuity } = this.#options
    const stand = disksOf(look).every((id) => seen.get(id)?.turn === continuity.turnOf(id))
    if (!stand) return
    continuity.prove(look)
    this.#pauseMs = LOOK_MS
  }

  async #ask(id: StorageId, partitions: readonly number[]): Promise<RootsAnswer> {
    const { at, ask, prefix } = this.#options
    const { run, seq: after } = at(id) ?? { run: 0, seq: 0 }
    return ask(id, { prefix, run, after, partitions }, this.#aborter.signal)
  }
}

/** By who holds the same, where enough do. */
function agreedOf(look: Look, seen: ReadonlyMap<StorageId, Seen>): readonly Look[] {
  const { keeper, enough } = look
  const agreed: LookAt[] = []
  for (const partition of look.partitions) {
    const rootOf = (id: StorageId): number | null => seen.get(id)?.roots.get(partition) ?? null
    for (const [root, same] of Map.groupBy(disksOf(look), rootOf)) {
      if (root === null || same.length < enough) continue
      agreed.push({ partition, disks: same.filter((id) => id !== keeper), keeper, enough })
    }
  }
  return gathered(agreed)
}

/** Whether the keeper has told of all that may have run out at the disks. */
function hasSwept({ disks, keeper }: Look, seen: ReadonlyMap<StorageId, Seen>): boolean {
  if (keeper === null) return true
  const sweptMs = seen.get(keeper)?.sweptMs ?? 0
  return disks.every((id) => sweptMs > (seen.get(id)?.wallMs ?? sweptMs))
}
