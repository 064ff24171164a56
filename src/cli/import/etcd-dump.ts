/**
 * What `etcdctl get "" --prefix -w json` prints: an object with `kvs`, keys and values in base64.
 * Several of them after each other are read as one (a dump by `--limit`, page after page).
 *
 * A key that hangs on a lease is left out: it is there as long as its owner lives, and the dump
 * does not say for how long. Revisions have no meaning here.
 */
import * as v from 'valibot'
import { AtollError } from '../../base/errors.ts'
import { describeIssues } from '../../rpc/validation.ts'
import { valueToRequest } from '../../rpc/values.ts'
import type { ByteInput } from './byte-input.ts'
import { bytesOfBase64, named, textOf, textOrBytes } from './dump-text.ts'
import type { ImportEntry } from './import-entry.ts'
import { type JsonPiece, memberElements, nextOrEnd } from './json-elements.ts'

/** An answer has one of these at least; one without keys the header alone. */
const MEMBERS: readonly string[] = ['header', 'kvs', 'count', 'more']

const ON_LEASE = 'on a lease of etcd (the dump does not say when they end)'

const element = v.object({
  key: v.string(),
  value: v.exactOptional(v.string(), ''),
  // A number over 2^53 has lost its last digits; only whether there is one matters.
  lease: v.exactOptional(v.union([v.number(), v.string()]), 0),
})

export async function* etcdEntries(
  input: ByteInput,
  note: (text: string) => void,
): AsyncGenerator<ImportEntry, void, undefined> {
  let at = 0
  let more = false
  while ((await nextOrEnd(input)) !== null) {
    more = false
    let isAnswer = false
    const start = input.offset
    const pieces = memberElements(input, 'kvs', (name, json) => {
      isAnswer ||= MEMBERS.includes(name)
      if (name === 'more') more = json === true
    })
    for await (const piece of pieces) yield entryOf(++at, piece)
    if (!isAnswer) throw new AtollError('USAGE', `no answer of etcd begins at byte ${start}`)
  }
  if (more) note('etcd says that there is more than this dump has: was it made with --limit?')
}

function entryOf(at: number, piece: JsonPiece): ImportEntry {
  if (piece === null) return { kind: 'wrong', at, why: 'too large' }
  const parsed = v.safeParse(element, piece.json)
  if (!parsed.success) return { kind: 'wrong', at, why: describeIssues(parsed.issues) }
  const { lease, ...encoded } = parsed.output
  const bytes = bytesOfBase64(encoded.key)
  const value = bytesOfBase64(encoded.value)
  if (bytes === null || value === null) return { kind: 'wrong', at, why: 'not base64' }
  if (Number(lease) !== 0) return { kind: 'left-out', at, why: ON_LEASE, fails: true }
  const key = textOf(bytes)
  if (key === null) return { kind: 'wrong', at, why: `the key ${named(bytes)} is not UTF-8` }
  return { kind: 'put', at, key, value: valueToRequest(textOrBytes(value)) }
}
