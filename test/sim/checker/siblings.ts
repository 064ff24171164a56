/**
 * What a store that keeps concurrent writes may answer (store.md):
 *
 * - every acknowledged write is in a later full read, or has been replaced by a write or delete
 *   that may have known it, that is, by one that did not end before the lost one began;
 * - what an acknowledged write or delete replaced knowingly is in no later full read;
 * - nothing is read that nobody wrote, or before anybody did.
 *
 * Reads carry the list of values they returned, empty for none; writes `covers`, the values whose
 * context they were given. Written values are all different. Only full (quorum) calls are held to
 * it: the caller records a partial one as `info`.
 */
import type { Operation } from './history.ts'
import { invalid, VALID, type Verdict } from './verdict.ts'

interface Changes {
  readonly byValue: ReadonlyMap<unknown, Operation>
  readonly deletes: readonly Operation[]
  readonly acknowledged: readonly Operation[]
  /** Acknowledged writes and deletes that knew what they replaced. */
  readonly replacing: readonly Operation[]
}

export function checkSiblings(operations: readonly Operation[]): Verdict {
  const byValue = new Map<unknown, Operation>()
  for (const write of operations.filter(({ f }) => f === 'write')) {
    if (byValue.has(write.value)) return invalid(`${String(write.value)} was written twice`)
    byValue.set(write.value, write)
  }
  const changes: Changes = {
    byValue,
    deletes: operations.filter(({ f, outcome }) => f === 'delete' && outcome !== 'fail'),
    acknowledged: [...byValue.values()].filter(({ outcome }) => outcome === 'ok'),
    replacing: operations.filter(({ covers, outcome }) => {
      return outcome === 'ok' && covers !== undefined && covers.length > 0
    }),
  }
  for (const read of operations.filter(({ f, outcome }) => f === 'read' && outcome === 'ok')) {
    const why = fault(read, read.value as readonly unknown[], changes)
    if (why !== null) {
      return invalid(`${read.node} at ${read.start} read [${String(read.value)}]: ${why}`)
    }
  }
  return VALID
}

function fault(read: Operation, values: readonly unknown[], changes: Changes): string | null {
  // The latest end of whatever may have replaced something in the eyes of this read.
  let latestEnd = Number.NEGATIVE_INFINITY
  for (const { start, end } of changes.deletes) {
    if (start < read.end) latestEnd = Math.max(latestEnd, end)
  }
  for (const value of values) {
    const write = changes.byValue.get(value)
    if (write === undefined || write.outcome === 'fail') return `nobody wrote ${String(value)}`
    if (write.start > read.end) return `${String(value)} was not written yet`
    latestEnd = Math.max(latestEnd, write.end)
  }
  const lost = changes.acknowledged.find(({ start, end, value }) => {
    return end < read.start && latestEnd < start && !values.includes(value)
  })
  if (lost !== undefined) {
    return `${String(lost.value)} is lost, which ${lost.node} acknowledged at ${lost.end}`
  }
  for (const { end, covers } of changes.replacing) {
    const back = end < read.start ? covers?.find((value) => values.includes(value)) : undefined
    if (back !== undefined) return `${JSON.stringify(back)} is back, which was replaced at ${end}`
  }
  return null
}
