/** Bounds of everything that a peer can make grow, and the times that a peer can make us wait. */
import { FRAME_BYTES_MAX } from '../seams/network.ts'

export const HELLO_BYTES_MAX = 4096
export const HELLO_TIMEOUT_MS = 5000
export const ADDRESSES_MAX = 16
export const ADDRESS_BYTES_MAX = 256
export const DIAL_TIMEOUT_MS = 5000

/** Links whose other end has not said hello yet. */
export const GREETINGS_MAX = 256
/** Peers remembered. Above the first number idle ones are forgotten; the second is the end. */
export const PEERS_IDLE_MAX = 1024
export const PEERS_MAX = 16_384
/** Disks that were met and are members no more, of which the last start is remembered. */
export const STARTS_MAX = 16_384

/** Body of one request or answer. */
export const BODY_BYTES_MAX = FRAME_BYTES_MAX - 1024
/** A frame is cut when it has grown to this size: nothing waits behind more than that. */
export const BATCH_BYTES = 64 * 1024
/** A message with a larger body travels in parts of this size, small messages between them. */
export const PART_BYTES = 64 * 1024

/** Requests to one peer and class without an answer. */
export const IN_FLIGHT_MAX = 4096
/** Bytes of requests to one peer and class that wait for the link. */
export const QUEUED_BYTES_MAX = 16 * 1024 * 1024
/** Requests of one peer and class that are being served, and their bytes. */
export const SERVING_MAX = 4096
export const SERVING_BYTES_MAX = 64 * 1024 * 1024
/** Bytes of answers waiting for a peer that does not read: above, its link is dropped. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/** Datagrams waiting for one peer. */
export const DATAGRAMS_MAX = 64
export const DATAGRAM_BYTES_MAX = 256 * 1024
/** Bytes of datagrams waiting for one peer. */
export const DATAGRAM_QUEUE_BYTES_MAX = 1024 * 1024

/** An hour: nobody waits longer for one answer. */
export const TIMEOUT_MS_MAX = 3_600_000
/** How long a superseded link may take to run dry. */
export const RETIRE_TIMEOUT_MS = 10_000
/** How long `stop` waits for handlers at work. */
export const STOP_GRACE_MS = 1000
/** How long it waits for peers to take note that it stops. */
export const FAREWELL_MS = 500
