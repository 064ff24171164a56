/** What is to be known of some disks in some partitions, so that they are proven there. */
import type { StorageId } from '../../base/ids.ts'

/** Disks that are proven in these partitions, if they hold the same there. */
export interface Look {
  readonly disks: readonly StorageId[]
  /** Proven already, and to hold the same as they do; null: the disks prove each other. */
  readonly keeper: StorageId | null
  /** So many of them, the keeper counted, prove those that hold the same. */
  readonly enough: number
  readonly partitions: readonly number[]
}

/** One that is for a single partition as yet. */
export interface LookAt extends Omit<Look, 'partitions'> {
  readonly partition: number
}

export function disksOf({ disks, keeper }: Omit<Look, 'partitions'>): readonly StorageId[] {
  return keeper === null ? disks : [...disks, keeper]
}

/** Those that differ in the partition alone are one. */
export function gathered(looks: Iterable<LookAt>): readonly Look[] {
  const byName = new Map<string, Look & { readonly partitions: number[] }>()
  for (const { partition, disks, keeper, enough } of looks) {
    const name = [keeper ?? '', enough, ...disks].join()
    const known = byName.get(name)
    if (known === undefined) byName.set(name, { disks, keeper, enough, partitions: [partition] })
    else known.partitions.push(partition)
  }
  return [...byName.values()]
}
