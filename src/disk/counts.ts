/** What the database has counted since it was opened; read by metrics.ts. */
import type { ErrorCode } from '../base/errors.ts'
import { Histogram, LATENCY_SECONDS } from '../base/histogram.ts'

/** From a lone write to a group as large as a burst of 64 clients on four peers makes it. */
const GROUP_WRITES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
/** A checkpoint of a full table takes seconds on a slow disk. */
const CHECKPOINT_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export class DiskCounts {
  appendBytes = 0
  /** By code; bounded by the codes. */
  readonly refused = new Map<ErrorCode, number>()
  /** Writes that shared one fdatasync. */
  readonly groupWrites = new Histogram(GROUP_WRITES)
  /** From the fdatasync of a record to its end. */
  readonly syncSeconds = new Histogram(LATENCY_SECONDS)
  readonly checkpointSeconds = new Histogram(CHECKPOINT_SECONDS)

  refuse(code: ErrorCode): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1)
  }
}
