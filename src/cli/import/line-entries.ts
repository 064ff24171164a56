/**
 * Our own form, what `kv export` writes: `{"key":…,"value":…}` a line, with `type` where that is a
 * counter or a set, and `expiresAtMs` where it ends. Blank lines are passed over.
 */
import * as v from 'valibot'
import { jsonExcess } from '../../base/json-scan.ts'
import { RPC_LIMITS } from '../../rpc/limits.ts'
import { key, value } from '../../rpc/schemas.ts'
import { describeIssues } from '../../rpc/validation.ts'
import type { ImportEntry } from './import-entry.ts'
import { importLines } from './import-lines.ts'

const record = v.object({
  key,
  value,
  type: v.exactOptional(v.picklist(['counter', 'set'])),
  expiresAtMs: v.exactOptional(v.pipe(v.number(), v.integer())),
})

export async function* lineEntries(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<ImportEntry, void, undefined> {
  let at = 0
  for await (const line of importLines(chunks, RPC_LIMITS.lineBytesMax)) {
    at++
    if (typeof line !== 'string') yield { kind: 'wrong', at, why: line.wrong }
    else if (line.trim() !== '') yield entryOf(at, line)
  }
}

function entryOf(at: number, line: string): ImportEntry {
  const { depthMax, elementsMax } = RPC_LIMITS
  if (jsonExcess(line, depthMax, elementsMax) !== null) {
    return { kind: 'wrong', at, why: 'too deep or too many elements' }
  }
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return { kind: 'wrong', at, why: 'not JSON' }
  }
  const parsed = v.safeParse(record, json)
  if (!parsed.success) return { kind: 'wrong', at, why: describeIssues(parsed.issues) }
  return { kind: 'put', at, ...parsed.output }
}
