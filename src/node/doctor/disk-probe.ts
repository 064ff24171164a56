/** A small measurement of the disk: a file beside the data is written and synced a few times. */
import type { Clock } from '../../seams/clock.ts'
import type { Storage } from '../../seams/storage.ts'

const FILE = 'doctor.probe'
const ROUNDS = 8
const BYTES = 4096

export interface DiskProbe {
  readonly medianMs: number
  readonly worstMs: number
}

/** Rejects as the storage does; a sync that fails here is another file's, and not final. */
export async function probeDisk(storage: Storage, clock: Clock): Promise<DiskProbe> {
  // One that a crash left behind would grow.
  await storage.remove(FILE)
  const file = await storage.openAppend(FILE)
  const took: number[] = []
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const startMs = clock.monotonicMs()
      await file.append(new Uint8Array(BYTES))
      await file.sync()
      took.push(clock.monotonicMs() - startMs)
    }
  } finally {
    await file.close()
    await storage.remove(FILE)
  }
  took.sort((a, b) => a - b)
  return { medianMs: took[ROUNDS >> 1] ?? 0, worstMs: took.at(-1) ?? 0 }
}
