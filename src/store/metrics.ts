/** Names of what the store counts; see base/metrics.ts. */
import { OUTCOMES } from '../base/call-counts.ts'
import type { Metrics } from '../base/metrics.ts'
import { OPERATIONS, type StoreCounts } from './counts.ts'
import type { Amounts } from './inventory.ts'
import type { TreeLevels } from './sync/hash-trees.ts'
import type { Watching } from './watch/watching.ts'

/** What is only known by looking. */
export interface StoreLevels {
  readonly counts: StoreCounts
  /** null until it has been counted, and on an edge. */
  readonly held: Amounts | null
  readonly syncBacklog: number
  /** null on an edge. */
  readonly trees: TreeLevels | null
  readonly watching: Watching
  readonly nearCacheBytes: number
}

export function declareStoreMetrics(metrics: Metrics, store: StoreLevels): void {
  const { operations } = store.counts
  metrics.counters(
    'atoll_store_operations_total',
    'Operations that callers of this daemon began, by how they ended.',
    ['operation', 'outcome'],
    () =>
      OPERATIONS.flatMap((operation) =>
        OUTCOMES.map(
          (outcome) => [operations[operation].outcomes[outcome], operation, outcome] as const,
        ),
      ),
  )
  metrics.histograms(
    'atoll_store_operation_seconds',
    'Time of those operations, however they ended.',
    ['operation'],
    () => OPERATIONS.map((operation) => [operations[operation].seconds, operation]),
  )
  metrics.gauge(
    'atoll_store_records',
    'Records on this disk, deletions included; absent until they have been counted.',
    () => store.held?.records ?? null,
  )
  metrics.gauge(
    'atoll_store_tombstones',
    'Records on this disk that say that a key was deleted.',
    () => store.held?.tombstones ?? null,
  )
  metrics.gauge(
    'atoll_store_records_with_siblings',
    'Records on this disk with siblings: several values, those that end by themselves not counted.',
    () => store.held?.withSiblings ?? null,
  )
  metrics.gauge(
    'atoll_store_record_bytes',
    'Bytes of records on this disk, without their keys.',
    () => store.held?.bytes ?? null,
  )
  metrics.gauge(
    'atoll_store_damaged_records',
    'Entries on this disk that are no records any more, in none of the above; other replicas have them.',
    () => store.held?.damaged ?? null,
  )
  metrics.counter(
    'atoll_store_lost_records_total',
    'Those of them that were replaced by what others had, or dropped with their partition.',
    () => store.counts.recordsLost,
  )
  declareNearCache(metrics, store)
  declareWatches(metrics, store)
  declareRepair(metrics, store)
  declareCollection(metrics, store.counts)
}

function declareWatches(metrics: Metrics, { counts, watching }: StoreLevels): void {
  const { watches } = counts
  metrics.gauge(
    'atoll_store_watches',
    'Readers of `kv watch` on this daemon.',
    () => watching.watches.readers,
  )
  metrics.gauge(
    'atoll_store_watched_prefixes',
    'Prefixes that they watch; each one that goes on from a cursor is one more.',
    () => watching.watches.streams,
  )
  metrics.gauge(
    'atoll_store_changes_remembered',
    'Changes that this disk remembers for those who watch; absent while nobody does.',
    () => watching.remembered,
  )
  metrics.counter(
    'atoll_store_watch_events_total',
    'Changes told here, once for all readers of a prefix.',
    () => watches.told,
  )
  metrics.counter(
    'atoll_store_watch_gaps_total',
    'Times that watches of a prefix may have missed changes.',
    () => watches.gaps,
  )
  metrics.counter(
    'atoll_store_watch_dropped_total',
    'Events that a reader was too slow for; it was told of a gap.',
    () => watches.dropped,
  )
  metrics.counter(
    'atoll_store_watch_reads_total',
    'Keys that were read for a watch, since it was not known what had been told of them.',
    () => watches.reads,
  )
}

function declareNearCache(metrics: Metrics, store: StoreLevels): void {
  const { nearCache } = store.counts
  metrics.counters(
    'atoll_store_near_cache_total',
    'Reads that may be answered from memory, by how they were: kept, asked, or with another read.',
    ['result'],
    () => [
      [nearCache.hits, 'hit'],
      [nearCache.misses, 'miss'],
      [nearCache.shared, 'shared'],
    ],
  )
  metrics.gauge(
    'atoll_store_near_cache_bytes',
    'Bytes of answers that are kept for such reads.',
    () => store.nearCacheBytes,
  )
}

function declareRepair(metrics: Metrics, store: StoreLevels): void {
  const { counts } = store
  metrics.counter(
    'atoll_store_read_repairs_total',
    'Replicas that a read found behind and repaired.',
    () => counts.readRepairs,
  )
  metrics.counter(
    'atoll_store_replicas_missed_total',
    'Replicas that a write or repair did not reach: they are compared when they are back.',
    () => counts.replicasMissed,
  )
  metrics.gauge(
    'atoll_store_sync_backlog',
    'Comparisons with other replicas that are still to be made.',
    () => store.syncBacklog,
  )
  metrics.gauge(
    'atoll_store_tree_partitions',
    'Partitions whose hash tree is known: all of them, some time after a start.',
    () => store.trees?.counted ?? null,
  )
  metrics.gauge(
    'atoll_store_tree_leaves',
    'Sums in hash trees: about one for 32 records, of about a hundred bytes.',
    () => store.trees?.leaves ?? null,
  )
  metrics.counters(
    'atoll_store_comparisons_total',
    'Partitions compared with another replica, by the roots of their hash trees.',
    ['result'],
    () => [
      [counts.comparedEqual, 'equal'],
      [counts.comparedDifferent, 'different'],
    ],
  )
  metrics.counters(
    'atoll_store_reconciliations_total',
    'Partitions made equal with another replica; in part: but for records that cannot be joined.',
    ['outcome'],
    () => [
      [counts.reconciled, 'ok'],
      [counts.reconciledInPart, 'in-part'],
    ],
  )
  metrics.counter(
    'atoll_store_sync_failures_total',
    'Comparisons and reconciliations that broke off, to be tried again.',
    () => counts.syncFailures,
  )
  metrics.counters(
    'atoll_store_sync_keys_total',
    'Records that reconciliations begun here moved.',
    ['direction'],
    () => [
      [counts.keysPulled, 'pulled'],
      [counts.keysPushed, 'pushed'],
    ],
  )
  metrics.counter(
    'atoll_store_sync_bytes_total',
    'Bytes of the messages of comparisons and reconciliations begun here, both ways.',
    () => counts.syncBytes,
  )
  metrics.counter(
    'atoll_store_partitions_dropped_total',
    'Partitions that left this disk after their data was handed over.',
    () => counts.partitionsDropped,
  )
}

function declareCollection(metrics: Metrics, counts: StoreCounts): void {
  metrics.counter(
    'atoll_store_collected_total',
    'Records of what was deleted or has expired that this disk let go, since all replicas had them.',
    () => counts.collected,
  )
  metrics.counters(
    'atoll_store_collection_rounds_total',
    'Rounds of collection by this daemon; failed: broken off, to be tried again.',
    ['outcome'],
    () => [
      [counts.collectionRounds, 'ok'],
      [counts.collectionsFailed, 'failed'],
    ],
  )
  metrics.counter(
    'atoll_store_expired_total',
    'Values on this disk whose time came.',
    () => counts.expired,
  )
  metrics.counter(
    'atoll_store_fenced_off_total',
    'Data of before a collection or a movement that came late and were not taken.',
    () => counts.fencedOff,
  )
}
