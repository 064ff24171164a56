/** What the store refuses, and why so much and no more. */

export const VALUE_BYTES_MAX = 1024 * 1024
/** Disks in one version vector: every one that ever coordinated a write of the key. */
export const VECTOR_MAX = 256
/** Siblings of one key. A writer that would add one more is told to resolve them first. */
export const SIBLINGS_MAX = 64
/**
 * Elements of a set, and their bytes together: every change of a set moves the whole of it. Nine
 * coordinators that fill one apart from each other still make a record that can be joined.
 */
export const ELEMENTS_MAX = 10_000
export const SET_BYTES_MAX = 256 * 1024
/** The longest life that a value may be given: a century. */
export const TTL_MS_MAX = 100 * 365 * 24 * 60 * 60 * 1000
/** Dots in one record that its vector does not cover. */
export const DOTS_MAX = 64
/**
 * A record that is read may have so many times what a writer may make of it: each disk that coordinates
 * the key apart from the others (at most two sets of nine) may reach the limits before their records
 * are joined.
 */
export const JOINED_FACTOR = 32
/** One record, encoded: all siblings of its key together. */
export const RECORD_BYTES_MAX = 3 * 1024 * 1024
/** A read takes a larger record whole from one replica, and from the others its fingerprint. */
export const READ_WHOLE_BYTES = 1024
/** The near cache: records and keys of all answers that it keeps. */
export const NEAR_CACHE_BYTES = 16 * 1024 * 1024
/** The oldest answer that a reader may ask for. */
export const MAX_AGE_MS_MAX = 60 * 60 * 1000
/** Keys in one page of a scan. Large, since each page asks all members and reads their disks anew. */
export const SCAN_ENTRIES_MAX = 4000
/** Bytes after which a page ends; the record that reaches them is in it. */
export const PAGE_BYTES = 512 * 1024
/** Records, and their bytes, in one message of repair or movement. */
export const SYNC_ENTRIES = 512
export const SYNC_BYTES = 256 * 1024
/** Changes that a disk remembers for those who watch it, and the bytes of their keys. */
export const FEED_ENTRIES_MAX = 65_536
export const FEED_KEY_BYTES_MAX = 16 * 1024 * 1024
/** Bytes of the records that are remembered with them; where one is not, it is read when it is told. */
export const FEED_RECORD_BYTES_MAX = 8 * 1024 * 1024
/** A larger record is never remembered. */
export const FEED_RECORD_MAX = 64 * 1024
/** A disk that nobody has asked for so long forgets all changes. */
export const FEED_IDLE_MS = 10 * 60 * 1000
/** Questions that wait at a disk until something changes, and how long each may wait. */
export const FEED_WAITING_MAX = 4096
export const FEED_HOLD_MS = 10_000
/** Changes in one answer, and their bytes. */
export const FEED_PAGE_ENTRIES = 512
export const FEED_PAGE_BYTES = 256 * 1024
/** Readers of watches on one node, and prefixes that they watch (each resumed watch is one more). */
export const WATCHERS_MAX = 4096
export const STREAMS_MAX = 1024
/** Events that wait for one reader, and their bytes; beyond, it is told of a gap. */
export const WATCH_EVENTS_MAX = 1024
export const WATCH_BYTES_MAX = 8 * 1024 * 1024
/** What a node remembers of what its watches have told: bytes of records and keys. */
export const TOLD_BYTES_MAX = 32 * 1024 * 1024
/** Ends of values that a disk has told of before they come by the watching node's clock; a watch's. */
export const LATE_ENDS_MAX = 16_384
/** Runs of disks that one cursor names, those that it could not find again included. */
export const CURSOR_RUNS_MAX = 4096
