/** What the store refuses, and why so much and no more. */

export const VALUE_BYTES_MAX = 1024 * 1024
/** Disks in one version vector: every one that ever coordinated a write of the key. */
export const VECTOR_MAX = 256
/** Values that nobody has resolved. A writer that adds more is told to resolve them first. */
export const SIBLINGS_MAX = 64
/**
 * Elements of a set, and their bytes together: every change of a set moves the whole of it. Nine
 * coordinators that fill one apart from each other still make a record that can be joined.
 */
export const ELEMENTS_MAX = 10_000
export const SET_BYTES_MAX = 256 * 1024
/** How long a value may be asked to last: a century. */
export const TTL_MS_MAX = 100 * 365 * 24 * 60 * 60 * 1000
/** Writes that a record knows of beyond its vector. */
export const DOTS_MAX = 64
/**
 * What a record may have that nobody wrote so: each of the disks that coordinated a key apart from
 * the others (at most two sets of nine) may have brought it to its limit before their records meet.
 */
export const JOINED_FACTOR = 32
/** All siblings of a key together. */
export const RECORD_BYTES_MAX = 3 * 1024 * 1024
/** Of a larger record one replica sends the whole, and the others its fingerprint. */
export const READ_WHOLE_BYTES = 1024
/** Answers kept for readers who take older ones. */
export const NEAR_CACHE_BYTES = 16 * 1024 * 1024
/** How old an answer a reader may take. */
export const MAX_AGE_MS_MAX = 60 * 60 * 1000
/** A page of a scan. What one member is asked for, and each asks the disk anew: not too little. */
export const SCAN_ENTRIES_MAX = 4000
/** The same in bytes; one record more than that. */
export const PAGE_BYTES = 512 * 1024
/** One step of repair or movement. */
export const SYNC_ENTRIES = 512
export const SYNC_BYTES = 256 * 1024
/** Changes that a disk remembers for those who watch, with at most so many bytes of keys. */
export const FEED_ENTRIES_MAX = 65_536
export const FEED_KEY_BYTES_MAX = 16 * 1024 * 1024
/** Records among them; of older changes the record is read when it is told. */
export const FEED_RECORD_BYTES_MAX = 8 * 1024 * 1024
/** A larger record is not kept, but read. */
export const FEED_RECORD_MAX = 64 * 1024
/** How long it remembers after the last one has gone. */
export const FEED_IDLE_MS = 10 * 60 * 1000
/** Questions for changes that wait until there are some, and how long each may. */
export const FEED_WAITING_MAX = 4096
export const FEED_HOLD_MS = 10_000
/** One answer. */
export const FEED_PAGE_ENTRIES = 512
export const FEED_PAGE_BYTES = 256 * 1024
/** Readers of watches on one node, and prefixes that they watch (each resumed watch is one more). */
export const WATCHERS_MAX = 4096
export const STREAMS_MAX = 1024
/** Events that wait for one reader, and their bytes; then it is told of a gap. */
export const WATCH_EVENTS_MAX = 1024
export const WATCH_BYTES_MAX = 8 * 1024 * 1024
/** What was told of keys, for all watches of a node: in bytes of records and keys. */
export const TOLD_BYTES_MAX = 32 * 1024 * 1024
/** Ends of values that come later by the clock of a node that watches than by a disk's; one watch's. */
export const LATE_ENDS_MAX = 16_384
/** Disks, and those that a cursor could not find again, in one cursor. */
export const CURSOR_RUNS_MAX = 4096
