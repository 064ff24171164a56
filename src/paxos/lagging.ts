/** Which registers some replicas lack, seen from pages of what each of them has voted for. */
import { compareKeys } from '../base/bytes.ts'
import { UNITS_PER_MS } from '../base/hybrid-time.ts'
import { type Ballot, equalBallots, higherBallot, NO_BALLOT } from './ballot.ts'

export interface Votes {
  readonly votes: readonly (readonly [string, Ballot])[]
}

/**
 * Keys up to `end`, null: to the last, on which the replicas differ although the newest vote has had
 * time to get round.
 */
export function laggingKeys(
  pages: readonly Votes[],
  end: string | null,
  beforeMs: number,
): readonly string[] {
  const seen = new Map<string, { highest: Ballot; same: number }>()
  for (const { votes } of pages) {
    for (const [key, vote] of votes) {
      if (end !== null && compareKeys(key, end) > 0) break
      const { highest, same } = seen.get(key) ?? { highest: NO_BALLOT, same: 0 }
      if (equalBallots(vote, highest)) seen.set(key, { highest, same: same + 1 })
      else if (higherBallot(vote, highest) === vote) seen.set(key, { highest: vote, same: 1 })
    }
  }
  return [...seen].flatMap(([key, { highest, same }]) =>
    same < pages.length && isOlder(highest, beforeMs) ? [key] : [],
  )
}

/** By the clock of whoever made the ballot: good enough for what only saves work. */
export function isOlder({ counter }: Ballot, ms: number): boolean {
  return counter < ms * UNITS_PER_MS
}
