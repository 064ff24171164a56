/**
 * What this node answers a scan: the records of some partitions, or whether they are those that
 * another replica gave.
 *
 * Where both hash trees have the same root nothing is read. A root is told with the records that
 * it stands for: it was the same before they were read and after.
 */
import type { Database } from '../../disk/database.ts'
import type { Clock } from '../../seams/clock.ts'
import { HashTrees } from '../sync/hash-trees.ts'
import type { ScanAnswer, ScanQuestion } from './scan-messages.ts'
import { readEntries, readSums } from './scan-reader.ts'

/** What a replica has to answer from. */
export interface ScanSource {
  readonly database: Database
  readonly trees: HashTrees
}

/** null on an edge. */
export function sourceOf(options: {
  readonly database: Database | null
  readonly clock: Clock
}): ScanSource | null {
  const { database, clock } = options
  return database === null ? null : { database, trees: new HashTrees(database, clock) }
}

/** null: an edge, which has nothing. */
export async function answerScan(
  source: ScanSource | null,
  question: ScanQuestion,
): Promise<ScanAnswer<Uint8Array>> {
  if (source === null) return { entries: [], done: true, roots: [] }
  const { database, trees } = source
  const { range, partitions, given } = question
  if (given === null) {
    const before = partitions.map((partition) => trees.root(partition))
    const read = await readEntries(database, partitions, range, question)
    const roots = partitions.map((partition, i) => {
      const root = before[i] ?? null
      return trees.root(partition) === root ? root : null
    })
    return { ...read, roots }
  }
  const sums = new Map<number, number | undefined>()
  for (const [i, partition] of partitions.entries()) {
    const root = given[i]?.root ?? null
    if (root === null || trees.root(partition) !== root) sums.set(partition, given[i]?.sum)
  }
  const unlike = [...sums.keys()]
  const here = await readSums(database, unlike, range)
  const other = unlike.filter((partition, i) => here[i] !== sums.get(partition))
  if (other.length === 0) return { entries: [], done: true, roots: [] }
  return { ...(await readEntries(database, other, range, question)), roots: [] }
}
