/**
 * What a store that keeps concurrent writes may answer (store.md): every acknowledged write is in
 * a later full read, or has been replaced by a write that may have known it, that is, by one that
 * did not end before the lost one began. Nothing is read that nobody wrote.
 *
 * Reads carry the list of values they returned, empty for none. Written values are all different.
 * Only quorum writes and quorum reads are held to it: the caller leaves partial ones out, or
 * records them as `info`.
 */
import type { Operation } from './history.ts'
import { invalid, VALID, type Verdict } from './verdict.ts'

export function checkSiblings(operations: readonly Operation[]): Verdict {
  const writes = new Map<unknown, Operation>()
  for (const write of operations.filter(({ f }) => f === 'write')) {
    if (writes.has(write.value)) return invalid(`${String(write.value)} was written twice`)
    writes.set(write.value, write)
  }
  const acknowledged = [...writes.values()].filter(({ outcome }) => outcome === 'ok')
  for (const read of operations.filter(({ f, outcome }) => f === 'read' && outcome === 'ok')) {
    const values = read.value as readonly unknown[]
    const seen: Operation[] = []
    for (const value of values) {
      const write = writes.get(value)
      if (write === undefined || write.outcome === 'fail') {
        return invalid(`${read.node} read ${String(value)} of ${read.key}, which nobody wrote`)
      }
      if (write.start > read.end) return invalid(`read ${String(value)} before it was written`)
      seen.push(write)
    }
    const latestEnd = Math.max(Number.NEGATIVE_INFINITY, ...seen.map(({ end }) => end))
    const lost = acknowledged.find(({ start, end, value }) => {
      return end < read.start && latestEnd < start && !values.includes(value)
    })
    if (lost !== undefined) {
      const what = `${String(lost.value)} of ${read.key}, acknowledged at ${lost.end}`
      return invalid(`${read.node} at ${read.start} read [${String(values)}] without ${what}`)
    }
  }
  return VALID
}
