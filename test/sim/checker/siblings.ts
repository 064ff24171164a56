/**
 * What a store that keeps concurrent writes may answer (src/store/README.md):
 *
 * - every acknowledged write is in a later full read, unless something may have replaced it: a
 *   write or delete that was given a context with it, or one without a context (which replaces
 *   whatever its coordinator holds) that did not end before the lost one began;
 * - then something in that chain is there instead, or a delete;
 * - what an acknowledged write or delete replaced knowingly is in no later full read;
 * - nothing is read that nobody wrote, or before anybody did.
 *
 * Reads carry the list of values they returned, empty for none; writes and deletes `covers`, the
 * values whose context they were given, absent without a context. Written values are all
 * different. Only full (quorum) calls are held to it: the caller records a partial one as `info`.
 */
import type { Operation } from './history.ts'
import { invalid, VALID, type Verdict } from './verdict.ts'

interface Acknowledged {
  readonly write: Operation
  /** From when on something may have replaced it. */
  readonly replaceableFrom: number
}

interface Changes {
  readonly byValue: ReadonlyMap<unknown, Operation>
  readonly deletes: readonly Operation[]
  readonly acknowledged: readonly Acknowledged[]
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
    acknowledged: [...byValue.values()]
      .filter(({ outcome }) => outcome === 'ok')
      .map((write) => ({ write, replaceableFrom: replaceableFrom(write, operations) })),
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

function replaceableFrom(write: Operation, operations: readonly Operation[]): number {
  let from = Number.POSITIVE_INFINITY
  for (const other of operations) {
    if (other === write || other.f === 'read' || other.outcome === 'fail') continue
    const { covers, start, end } = other
    const may = covers === undefined ? end >= write.start : covers.includes(write.value)
    if (may) from = Math.min(from, start)
  }
  return from
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
  for (const { write, replaceableFrom: from } of changes.acknowledged) {
    const { value, start, end, node } = write
    if (end >= read.start || values.includes(value)) continue
    if (latestEnd >= start && from < read.end) continue
    return `${String(value)} is lost, which ${node} acknowledged at ${end}`
  }
  for (const { end, covers } of changes.replacing) {
    const back = end < read.start ? covers?.find((value) => values.includes(value)) : undefined
    if (back !== undefined) return `${JSON.stringify(back)} is back, which was replaced at ${end}`
  }
  return null
}
