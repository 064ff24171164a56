/** Which keys a listing or an export may lack: between which of those that it has. */
import { AtollError } from '../../base/errors.ts'

/** Keys after `after` (null: from the first) up to `to` (null: to the last). */
export interface MissingKeys {
  readonly after: string | null
  readonly to: string | null
}

/** More are told as one, with what lies between. */
const RANGES_MAX = 8

/** Ranges come in order; one that begins where the last ends goes on with it. */
export function withMissing(
  ranges: readonly MissingKeys[],
  { after, to }: MissingKeys,
): readonly MissingKeys[] {
  const last = ranges.at(-1)
  const joins = last !== undefined && (last.to === after || ranges.length >= RANGES_MAX)
  return joins ? [...ranges.slice(0, -1), { after: last.after, to }] : [...ranges, { after, to }]
}

/** The end of a command that has given out what there was. */
export function missingError(
  ranges: readonly MissingKeys[],
  done: string,
  again: string,
): AtollError {
  const where = ranges.map(rangeText).join(' and ')
  const what = `${done}, but keys may be missing ${where}`
  return new AtollError('NO_QUORUM', `${what}: too few replicas of some partitions answered`, {
    hint: `see who is down: atoll doctor; then ${again} anew`,
  })
}

function rangeText({ after, to }: MissingKeys): string {
  if (after === null && to === null) return 'anywhere'
  const from = after === null ? '' : `after ${JSON.stringify(after)}`
  const until = to === null ? '' : `up to ${JSON.stringify(to)}`
  return [from, until].filter((text) => text !== '').join(' ')
}
