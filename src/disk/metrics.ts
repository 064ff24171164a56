/** Names of what the database counts; see base/metrics.ts. */
import type { Labelled, Metrics } from '../base/metrics.ts'
import type { DiskCounts } from './counts.ts'

/** What is only known by looking. */
export interface DiskLevels {
  readonly segments: number
  /** Bytes of commits that are not durable yet. */
  readonly pendingBytes: number
  /** Bytes that are durable and not in the index yet. */
  readonly tableBytes: number
}

export function declareDiskMetrics(metrics: Metrics, counts: DiskCounts, levels: DiskLevels): void {
  metrics.histogram(
    'atoll_disk_sync_seconds',
    'Time of one fdatasync of the log; its count is the records appended.',
    counts.syncSeconds,
  )
  metrics.histogram(
    'atoll_disk_group_writes',
    'Writes in one record of the log, which share its fdatasync.',
    counts.groupWrites,
  )
  metrics.counter(
    'atoll_disk_appended_bytes_total',
    'Bytes appended to the log.',
    () => counts.appendBytes,
  )
  metrics.counters(
    'atoll_disk_refused_total',
    'Commits refused, by code: the disk is full or behind, or the commit too large.',
    ['code'],
    () => Array.from(counts.refused, ([code, n]): Labelled<number> => [n, code]),
  )
  metrics.gauge(
    'atoll_disk_segments',
    'Segments of the log; the checkpoints remove old ones.',
    () => levels.segments,
  )
  metrics.gauge(
    'atoll_disk_pending_bytes',
    'Bytes of commits that wait for their fdatasync.',
    () => levels.pendingBytes,
  )
  metrics.gauge(
    'atoll_disk_table_bytes',
    'Bytes that are durable in the log and not in the index yet.',
    () => levels.tableBytes,
  )
  metrics.histogram(
    'atoll_disk_checkpoint_seconds',
    'Time of a checkpoint that went well, from its first write to the removal of old segments.',
    counts.checkpointSeconds,
  )
}
