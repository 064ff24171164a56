/**
 * A page of the registers of a partition, for who brings them over into a new configuration, or to
 * a replica that lacks some.
 */
import { compareKeys } from '../base/bytes.ts'
import { KEY_BYTES_MAX } from '../base/value.ts'
import { WireError, type WireReader, type WireWriter } from '../wire/codec.ts'
import { type Ballot, isBallot, readBallot, writeBallot } from './ballot.ts'
import { LIST_KEYS } from './limits.ts'
import type { RegisterPage } from './replica.ts'

export interface ListedPage {
  /** Registers that were voted on, and the vote. */
  readonly votes: readonly (readonly [string, Ballot])[]
  /** Counters that the new configuration must exceed: of promises here, and of the floor. */
  readonly counterMax: number
  /** Where to go on; null at the end. */
  readonly after: string | null
}

export function listedPage({ entries, after }: RegisterPage, counterMax: number): ListedPage {
  const votes: (readonly [string, Ballot])[] = []
  let highest = counterMax
  for (const [key, { accepted, promised }] of entries) {
    highest = Math.max(highest, promised.counter)
    if (isBallot(accepted)) votes.push([key, accepted])
  }
  return { votes, counterMax: highest, after }
}

export function writePage(out: WireWriter, { votes, counterMax, after }: ListedPage): void {
  out.list(votes, (to, [key, vote]) => writeBallot(to.string(key), vote))
  out.uint(counterMax).string(after ?? '')
}

/** The page behind `asked`. Throws WireError, also where it leads back: who follows it never ends. */
export function readPage(from: WireReader, asked: string): ListedPage {
  const votes = from.list(LIST_KEYS, (each) => {
    return [each.string(KEY_BYTES_MAX), readBallot(each)] as const
  })
  const counterMax = from.uint()
  const after = from.string(KEY_BYTES_MAX)
  if (after !== '' && compareKeys(after, asked) <= 0) throw new WireError('a page leads back')
  return { votes, counterMax, after: after === '' ? null : after }
}
