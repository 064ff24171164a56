/**
 * The bounds of a connection. Tests lower them; nothing else does.
 *
 * A connection holds at most one partial line, one read's worth of whole lines, `inFlightMax`
 * calls, `subscriptionsMax` buffers of `eventsMax` events, and `writeBytesMax` of unread replies.
 */
import { VALUE_DEPTH_MAX, VALUE_ELEMENTS_MAX } from '../base/json-value.ts'

export interface RpcLimits {
  /** A line, without its line feed. A value of 1 MiB fits twice over, whatever its form. */
  readonly lineBytesMax: number
  /** A value lies in a batch, a request, its parameters, a list and a wrapper (values.ts) at most. */
  readonly depthMax: number
  /** Parsing takes time by the element, not by the byte: `{},{},…` is the slowest per byte. */
  readonly elementsMax: number
  readonly batchMax: number
  /** Calls under way on a connection; then it is not read from until one ends. */
  readonly inFlightMax: number
  readonly subscriptionsMax: number
  /** Events that wait for a slow reader; then they are dropped and an explicit gap is told. */
  readonly eventsMax: number
  /** Replies that wait for a slow reader: above, nothing new is begun until it has read. */
  readonly writeBytesSoft: number
  /** Above, the reader is given up and the connection destroyed. */
  readonly writeBytesMax: number
  readonly connectionsMax: number
  /** A call that outlives its own deadline by this much is answered by the server. */
  readonly deadlineGraceMs: number
}

export const RPC_LIMITS: RpcLimits = {
  lineBytesMax: 4 * 1024 * 1024,
  depthMax: VALUE_DEPTH_MAX + 5,
  // Far more than the request around a value has.
  elementsMax: VALUE_ELEMENTS_MAX + 100,
  batchMax: 100,
  inFlightMax: 1024,
  subscriptionsMax: 64,
  eventsMax: 1024,
  writeBytesSoft: 1024 * 1024,
  writeBytesMax: 64 * 1024 * 1024,
  connectionsMax: 256,
  deadlineGraceMs: 250,
}

/** The longest reply: what a client accepts in one line. */
export const REPLY_BYTES_MAX = 32 * 1024 * 1024
