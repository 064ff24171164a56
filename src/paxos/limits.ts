/** What the registers refuse, and why so much and no more. */

import { DEADLINE_MS_MAX } from '../base/call-limits.ts'

/** A change rewrites the whole value on every replica: larger things belong into the store. */
export const VALUE_BYTES_MAX = 256 * 1024
/** Changes that a register remembers: how far a retry can tell whether its first try happened. */
export const RECENT_MAX = 8
/**
 * So many where the older ones carry ids of operations: those may be asked for again, and on a key
 * that many change at once eight changes are soon gone.
 */
export const RECENT_NAMED_MAX = 64
/** Ids of operations that a register remembers, in all its changes. */
export const REMEMBERED_MAX = 512
/** Operations that share one ballot. */
export const COMBINED_MAX = 64
/** Names of operations are kept in the register; this node marks a caller's with one byte more. */
export const OP_ID_BYTES_MAX = 64
export const CALLERS_OP_ID_BYTES_MAX = OP_ID_BYTES_MAX - 1
/** A register as bytes: its value, and what it remembers of its changes. */
export const REGISTER_BYTES_MAX =
  VALUE_BYTES_MAX + REMEMBERED_MAX * 128 + COMBINED_MAX * 128 + RECENT_NAMED_MAX * 128 + 4096
/** Operations that wait on one node, over all keys, and for one key. */
export const WAITING_MAX = 16_384
export const WAITING_PER_KEY_MAX = 4096
/** Ballots by which one operation may have happened and that nothing is known of yet. */
export const ATTEMPTS_MAX = 64
/** Bytes of values that wait on one node. */
export const WAITING_BYTES_MAX = 64 * 1024 * 1024
/** Known values with a promise for the next ballot, kept by a proposer. */
export const CACHE_BYTES = 16 * 1024 * 1024
/** One round of questions; then another ballot is tried. */
export const ROUND_MS = 1000
/** Pauses, at most so long, while too few replicas can be reached. */
export const LONELY_PAUSE_MS = 50
/** A replica that was handed an operation, and is silent for so long, may be paused: another is asked. */
export const FORWARD_MS = 300
/** The same when it answers others: it has much to do, and two proposers would be in each other's way. */
export const FORWARD_BUSY_MS = 1000
/** A page of a list, in bytes. */
export const PAGE_BYTES = 512 * 1024
/** Keys in one message of a movement. */
export const LIST_KEYS = 1000
/**
 * A deleted register is forgotten when it has been deleted for this long: longer than any call
 * may last, so that a retry never meets a register that has forgotten it.
 */
export const TOMBSTONE_MS = DEADLINE_MS_MAX + 10 * 60 * 1000
/** Keys that one node watches, and keys that one replica is watched for by one peer. */
export const WATCHED_MAX = 16_384
/** Readers of watches on one node. */
export const WATCHERS_MAX = 65_536
/** Keys in one message about watches. */
export const WATCH_KEYS = 1000
/** How long a replica remembers who watches, and how often it is told again. */
export const WATCH_LEASE_MS = 30_000
export const WATCH_RENEW_MS = 10_000
/** Between two looks at one partition, for what has to be repaired or forgotten. */
export const UPKEEP_MS = 10_000
/** A vote younger than this may still be on its way to the others. */
export const SETTLED_MS = 10_000
