/** For worlds whose programs store nothing. */
import type { WorldDisk } from './world.ts'

export const noDisk: WorldDisk = {
  open: () => Promise.reject(new Error('this world has no disks')),
  crash: () => undefined,
  powerLoss: () => undefined,
  wipe: () => undefined,
}
