/** Removes registers of generations that were wiped: nobody asks for them again. */
import type { Database } from '../disk/database.ts'
import { endOfSpace } from '../disk/key-cursor.ts'
import { generationPrefix, partitionPrefix } from './partition-state.ts'

const BATCH = 256

/**
 * `kept`: the generation that counts; null: none does. `isStill`: whether that still holds; looked
 * at in the very step that deletes, since a disk that gets the partition again may use the same names.
 */
export async function sweepGenerations(
  database: Database,
  partition: number,
  kept: number | null,
  isStill: () => boolean,
): Promise<void> {
  const space = partitionPrefix(partition)
  const keptSpace = kept === null ? null : generationPrefix(partition, kept)
  let from = space
  for (;;) {
    const old: string[] = []
    for await (const [name] of database.scan({ from, to: endOfSpace(space), limit: BATCH })) {
      old.push(name)
      if (keptSpace !== null && name.startsWith(keptSpace)) break
    }
    const last = old.at(-1)
    if (last === undefined) return
    const isKept = keptSpace !== null && last.startsWith(keptSpace)
    const writes = (isKept ? old.slice(0, -1) : old).map((key) => ({ key, value: null }))
    if (!isStill()) return
    if (writes.length > 0) await database.commit(writes)
    // What is kept is not read through.
    from = isKept ? endOfSpace(keptSpace) : `${last}\u0000`
  }
}
