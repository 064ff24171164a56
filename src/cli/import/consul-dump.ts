/**
 * What `consul kv export` prints: an array of `{key, flags, value}`, values in base64. Flags have
 * no place here; keys that had some are counted.
 */
import * as v from 'valibot'
import { describeIssues } from '../../rpc/validation.ts'
import { valueToRequest } from '../../rpc/values.ts'
import type { ByteInput } from './byte-input.ts'
import { bytesOfBase64, textOrBytes } from './dump-text.ts'
import type { ImportEntry } from './import-entry.ts'
import { arrayElements, type JsonPiece, nextOrEnd } from './json-elements.ts'
import { AtollError } from '../../base/errors.ts'

const FLAGS_LOST = 'with flags of Consul, which are not kept'

const element = v.object({
  key: v.string(),
  flags: v.exactOptional(v.number(), 0),
  // An empty value is "", or null from some versions.
  value: v.exactOptional(v.nullable(v.string()), ''),
})

export async function* consulEntries(
  input: ByteInput,
): AsyncGenerator<ImportEntry, void, undefined> {
  let at = 0
  for await (const piece of arrayElements(input)) yield entryOf(++at, piece)
  if ((await nextOrEnd(input)) === null) return
  throw new AtollError('USAGE', `the input goes on after its end, at byte ${input.offset}`)
}

function entryOf(at: number, piece: JsonPiece): ImportEntry {
  if (piece === null) return { kind: 'wrong', at, why: 'too large' }
  const parsed = v.safeParse(element, piece.json)
  if (!parsed.success) return { kind: 'wrong', at, why: describeIssues(parsed.issues) }
  const { key, flags } = parsed.output
  const value = bytesOfBase64(parsed.output.value ?? '')
  if (value === null) return { kind: 'wrong', at, why: `the value of "${key}" is not base64` }
  const lost = flags === 0 ? {} : { lost: FLAGS_LOST }
  return { kind: 'put', at, key, value: valueToRequest(textOrBytes(value)), ...lost }
}
