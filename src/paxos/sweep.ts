/** Removes registers of generations that were wiped: nobody asks for them again. */
import type { Database } from '../disk/database.ts'
import { endOfSpace } from '../disk/key-cursor.ts'
import { ALL_REGISTERS, spaceOf } from './partition-state.ts'

const BATCH = 256

/**
 * Walks from space to space and not through what is kept. `keeps`: the generation of a partition
 * that counts; null: none does. `isStill`: whether that still holds; looked at in the very step
 * that deletes, since a disk that gets a partition again may use the same names.
 */
export async function sweepRegisters(
  database: Database,
  keeps: (partition: number) => number | null,
  isStill: () => boolean,
): Promise<void> {
  const to = endOfSpace(ALL_REGISTERS)
  for (let from = ALL_REGISTERS; ; ) {
    const first = await namesIn(database, from, to, 1)
    const space = first[0] === undefined ? null : spaceOf(first[0])
    if (space === null || !isStill()) return
    const end = endOfSpace(space.prefix)
    if (keeps(space.partition) === space.generation) {
      from = end
      continue
    }
    const names = await namesIn(database, from, end, BATCH)
    if (!isStill()) return
    await database.commit(names.map((key) => ({ key, value: null })))
    from = names.length < BATCH ? end : `${names.at(-1) ?? from}\u0000`
  }
}

async function namesIn(
  database: Database,
  from: string,
  to: string,
  limit: number,
): Promise<string[]> {
  const names: string[] = []
  for await (const [name] of database.scan({ from, to, limit })) names.push(name)
  return names
}
