/** Stores with planted data, and what they have said to each other to become equal. */
import { databaseKey, placeOf } from '../../src/store/place.ts'
import { encodeRecord } from '../../src/store/record.ts'
import { contextOf, recordOf, writeOf } from './arbitrary.ts'
import type { StoreWorld } from './world.ts'

export const keysOf = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `user/${from + i}/profile`)

/** Puts the same values on the disks of these nodes, before their stores start. */
export async function plant(
  world: StoreWorld,
  names: string,
  keys: readonly string[],
  { n = 1, valueBytes = 8 } = {},
): Promise<void> {
  const write = { ...writeOf({ actor: 'planted', n }), kind: 'bytes' } as const
  const sibling = { ...write, value: new Uint8Array(valueBytes) }
  const value = encodeRecord(recordOf(contextOf(new Map([['planted', n]])), [sibling]))
  for (const name of names) {
    for (let i = 0; i < keys.length; i += 5000) {
      const writes = keys.slice(i, i + 5000).map((key) => {
        return { key: databaseKey(placeOf(world.latest, key).partition, key), value }
      })
      await world.drive(world.node(name).database?.commit(writes) ?? Promise.resolve())
    }
    world.crash(name, { power: false })
    await world.boot(name)
  }
}

export function partitioned(sets: string, partitions = 64): string[] {
  return Array.from({ length: partitions }, () => sets)
}

export function bytesOf(world: StoreWorld): number {
  return [...world.nodes.values()].reduce((sum, { store }) => sum + store.counts.syncBytes, 0)
}

export function movedOf(world: StoreWorld): number {
  return [...world.nodes.values()].reduce((sum, { store: { counts } }) => {
    return sum + counts.keysPulled + counts.keysPushed
  }, 0)
}
