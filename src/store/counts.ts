/** What the store has counted since it was made; read by metrics.ts. */
import { CallCounts } from '../base/call-counts.ts'

export const OPERATIONS = ['put', 'get', 'del', 'ls', 'counter-add', 'set-add', 'set-rm'] as const
export type Operation = (typeof OPERATIONS)[number]

/** Of reads that say how old an answer may be. */
export interface NearCacheCounts {
  hits: number
  misses: number
  /** Answered by a question that was under way. */
  shared: number
}

export class WatchCounts {
  /** Changes told to the readers of a prefix. */
  told = 0
  /** Times that changes may have been missed. */
  gaps = 0
  /** Events that a reader was too slow for. */
  dropped = 0
  /** Keys that were read, since what was told of them before is not known here. */
  reads = 0
}

export class StoreCounts {
  readonly watches = new WatchCounts()
  readonly operations: Readonly<Record<Operation, CallCounts>> = {
    put: new CallCounts(),
    get: new CallCounts(),
    del: new CallCounts(),
    ls: new CallCounts(),
    'counter-add': new CallCounts(),
    'set-add': new CallCounts(),
    'set-rm': new CallCounts(),
  }
  readonly nearCache: NearCacheCounts = { hits: 0, misses: 0, shared: 0 }
  /** Replicas that a read found behind and wrote to. */
  readRepairs = 0
  /** Replicas that a write or repair did not reach. */
  replicasMissed = 0
  comparedEqual = 0
  comparedDifferent = 0
  reconciled = 0
  /** Reconciled but for records that cannot be joined. */
  reconciledInPart = 0
  syncFailures = 0
  /** Entries that were no records any more and have been replaced or dropped. */
  recordsLost = 0
  keysPulled = 0
  keysPushed = 0
  syncBytes = 0
  partitionsDropped = 0
  /** Dead keys that all replicas held alike and this one deleted. */
  collected = 0
  /** Rounds that ended, whatever was collected. */
  collectionRounds = 0
  collectionsFailed = 0
  /** Values whose time came. */
  expired = 0
  /** Data of before a collection, or of another configuration, that was not taken. */
  fencedOff = 0
}
