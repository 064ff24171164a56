/**
 * Whether the clock of this machine is right can only be told by others. So a ballot whose counter
 * nobody else has taken anything near of is asked of them first, and of our own disk when one of
 * them has taken it: the first ballot after a start, and whatever follows when the clock has leapt.
 *
 * Otherwise a clock that is wild for a moment would leave promises of the far future on this disk,
 * kept by the one and followed by nobody: those registers would be without this replica for as
 * long as the clock was ahead, and locked where it is needed for a majority.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { BallotClock } from './ballot-clock.ts'
import type { Place } from './place.ts'
import type { Ask } from './poll.ts'

export class ClockTrial {
  readonly #self: StorageId
  readonly #ballots: BallotClock

  constructor(self: StorageId, ballots: BallotClock) {
    this.#self = self
    this.#ballots = ballots
  }

  /** The same questions; that to our own disk waits if the counter has not been tried. */
  ordered<T>(place: Place, asks: readonly Ask<T>[], counter: number): readonly Ask<T>[] {
    const ballots = this.#ballots
    if (!ballots.isUntried(counter) && !ballots.isWild(counter)) return asks
    // Where ours is the only one there is nobody to ask.
    if (place.replicas.every((id) => id === this.#self)) return asks
    const others = asks.filter(({ id }) => id !== this.#self)
    const own = asks.filter(({ id }) => id === this.#self)
    /** Whether our own disk is to be asked. */
    const isGood = Promise.withResolvers<boolean>()
    let open = others.length
    // If nobody takes it, whatever the reason, our own vote would be of no use.
    const onEnd = (isTaken: boolean): void => {
      open--
      if (isTaken) this.#ballots.onTaken(counter)
      if (isTaken || open === 0) isGood.resolve(isTaken)
    }
    return [
      ...others.map((ask) => ({ id: ask.id, send: () => watched(ask.send(), onEnd) })),
      ...own.map((ask) => {
        const later = (isOurs: boolean) => (isOurs ? ask.send() : null) ?? untried()
        return { id: ask.id, send: () => isGood.promise.then(later) }
      }),
    ]
  }
}

function watched<T>(
  answer: ReturnType<Ask<T>['send']>,
  onEnd: (isTaken: boolean) => void,
): ReturnType<Ask<T>['send']> {
  if (answer === null) onEnd(false)
  answer?.then(
    ({ kind }) => onEnd(kind === 'answer'),
    () => onEnd(false),
  )
  return answer
}

function untried(): Promise<never> {
  return Promise.reject(new AtollError('UNREACHABLE', 'no other replica took this ballot'))
}
