/**
 * First byte of every frame on a link, and first byte of every message inside a batch. Never
 * reused, never renumbered. The layout of each is in README.md.
 */
export const FRAME = {
  /** First frame each way. */
  HELLO: 1,
  /** Instead of a hello, or after a bad one: why the link is about to close. */
  REFUSAL: 2,
  /** Requests and answers of one turn of the event loop. */
  BATCH: 3,
  /** A piece of one message that is too large for a batch. */
  PART: 4,
  /** Datagrams of the gossip class. */
  DATAGRAMS: 5,
  /** Last frame of its direction: why nothing more comes. */
  FIN: 6,
  /** Admission: see src/mesh/README.md. */
  KNOCK: 16,
  PROOF: 17,
  REDEEM: 18,
  ADMITTED: 19,
} as const

/** Why nothing more comes in this direction. */
export const FIN = {
  /** Another link between the same two serves from now on. */
  SUPERSEDED: 0,
  /** The sender's process ends. */
  STOPPING: 1,
} as const

/** Second byte of a PART frame. A link carries at most one request and one answer in parts. */
export const PART = {
  /** The message begins here; one that was under way is given up. */
  FIRST: 1,
  /** Of an answer; otherwise of a request. */
  ANSWER: 2,
} as const

export const MESSAGE = {
  REQUEST: 1,
  ANSWER: 2,
  FAILURE: 3,
} as const
