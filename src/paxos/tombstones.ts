/**
 * Forgets a register that was deleted (REGISTERS.md §5; CASPaxos, "How to delete a record").
 *
 * Not before every replica has accepted the tombstone at one and the same ballot, and the partition
 * does not move: a replica that had missed it could bring the old value back. What is forgotten
 * leaves its promise in the partition's floor. A replica that is down merely delays it.
 */
import type { Deadlines } from '../mesh/deadlines.ts'
import type { StorageId } from '../base/ids.ts'
import { type Ballot, equalBallots, isBallot } from './ballot.ts'
import type { Electorate } from './electorate.ts'
import { ROUND_MS } from './limits.ts'
import type { Held, Reply } from './messages.ts'
import type { Place } from './place.ts'
import { type Judge, Poll } from './poll.ts'
import { decodeRegister } from './register.ts'

/** `forgotten`: all were told. `differ`: they hold no tombstone of one ballot. `open`: later. */
export type Forgetting = 'forgotten' | 'differ' | 'open'

/** `old`: the ballot of the tombstone that has been one for long enough; no newer one is forgotten. */
export async function forgetTombstone(
  place: Place,
  old: Ballot,
  electorate: Electorate,
  deadlines: Deadlines,
): Promise<Forgetting> {
  if (place.previous !== null) return 'open'
  const poll = new Poll<Held, Unanimity>(new UnanimityJudge(place))
  const [first = null] = place.replicas
  const asks = electorate.read(place, first, ROUND_MS)
  poll.begin(asks, [], deadlines, { roundMs: ROUND_MS })
  const verdict = await poll.verdict
  if (verdict.kind !== 'same') return verdict.kind
  const { ballot } = verdict
  if (!equalBallots(ballot, old)) return 'open'
  const told = electorate.remove(place, ballot, ROUND_MS).map(async (ask) => ask.send())
  // One that is not told keeps its tombstone, and is told another time.
  await Promise.allSettled(told)
  return 'forgotten'
}

type Unanimity =
  | { readonly kind: 'same'; readonly ballot: Ballot }
  | { readonly kind: 'differ' }
  | { readonly kind: 'open' }

/** All replicas, each of them, show the same vote of this configuration, and it is a tombstone. */
export class UnanimityJudge implements Judge<Held, Unanimity> {
  readonly #place: Place
  readonly #held = new Map<StorageId, Held>()

  constructor(place: Place) {
    this.#place = place
  }

  onReply(id: StorageId, reply: Reply<Held>): Unanimity | null {
    if (reply.kind !== 'answer') return { kind: 'open' }
    this.#held.set(id, reply.body)
    if (this.#held.size < this.#place.replicas.length) return null
    return this.#verdict()
  }

  onMissing(): Unanimity {
    return { kind: 'open' }
  }

  late(): Unanimity {
    return { kind: 'open' }
  }

  #verdict(): Unanimity {
    const all = [...this.#held.values()]
    const [first] = all
    if (first === undefined) return { kind: 'open' }
    const { accepted } = first
    const isSame = all.every((held) => equalBallots(held.accepted, accepted))
    if (!isSame || !isBallot(accepted) || accepted.cfg !== this.#place.cfg)
      return { kind: 'differ' }
    const value = all.find((held) => held.value !== null)?.value ?? null
    const isTombstone = value !== null && decodeRegister(value).kind === 'absent'
    return isTombstone ? { kind: 'same', ballot: accepted } : { kind: 'open' }
  }
}
