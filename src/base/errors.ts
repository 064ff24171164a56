/**
 * Every error that a user can meet, in one table: code, JSON-RPC number, exit status, whether the
 * same call may simply be made again, and what it means. A test holds the docs to this table.
 *
 * `outcome` says what is known of a change that was asked for: it happened (`applied`), it did
 * not and never will (`not-applied`), or nobody can say (`unknown`). Unknown is never reported as
 * not-applied.
 */
export type Outcome = 'applied' | 'not-applied' | 'unknown'

interface ErrorRow {
  readonly rpc: number
  readonly exit: number
  readonly retryable: boolean
  readonly meaning: string
}

export const ERRORS = {
  INTERNAL: {
    rpc: 1000,
    exit: 1,
    retryable: false,
    meaning: 'a defect in atoll: please report it',
  },
  // The specification's number for wrong parameters, whoever finds them wrong.
  USAGE: {
    rpc: -32602,
    exit: 2,
    retryable: false,
    meaning: 'the call or command line is not valid',
  },
  UNREACHABLE: { rpc: 1002, exit: 3, retryable: true, meaning: 'no daemon answers on the socket' },
  NOT_FOUND: { rpc: 1003, exit: 4, retryable: false, meaning: 'there is no such thing' },
  CONFLICT: {
    rpc: 1004,
    exit: 5,
    retryable: false,
    meaning: 'a condition of the call does not hold',
  },
  NO_QUORUM: { rpc: 1005, exit: 6, retryable: true, meaning: 'too few replicas answered in time' },
  TIMEOUT: { rpc: 1006, exit: 6, retryable: true, meaning: 'the deadline passed' },
  DENIED: { rpc: 1007, exit: 7, retryable: false, meaning: 'the other side refuses this caller' },
  TICKET_INVALID: {
    rpc: 1008,
    exit: 7,
    retryable: false,
    meaning: 'malformed, expired or used ticket',
  },
  WRONG_CLUSTER: {
    rpc: 1009,
    exit: 7,
    retryable: false,
    meaning: 'the peer belongs to another cluster',
  },
  UNCLAIMED: {
    rpc: 1010,
    exit: 1,
    retryable: false,
    meaning: 'this daemon belongs to no cluster yet',
  },
  ALREADY_CLAIMED: {
    rpc: 1011,
    exit: 5,
    retryable: false,
    meaning: 'this daemon belongs to a cluster',
  },
  TOO_LARGE: {
    rpc: 1012,
    exit: 2,
    retryable: false,
    meaning: 'a key, value or request is over its limit',
  },
  CLOCK_SKEW: { rpc: 1013, exit: 1, retryable: false, meaning: 'clocks are too far apart' },
  BUSY: {
    rpc: 1014,
    exit: 1,
    retryable: true,
    meaning: 'a bounded queue is full; try again shortly',
  },
  STORAGE_FAILED: {
    rpc: 1015,
    exit: 1,
    retryable: false,
    meaning: 'the disk failed; this node has ended',
  },
  DISK_FULL: { rpc: 1016, exit: 1, retryable: true, meaning: 'no space left on the data disk' },
  DISK_DAMAGED: { rpc: 1017, exit: 1, retryable: false, meaning: 'stored data fails its checks' },
  DIR_LOCKED: {
    rpc: 1018,
    exit: 1,
    retryable: false,
    meaning: 'another process uses the data directory',
  },
  DIR_UNUSABLE: {
    rpc: 1019,
    exit: 1,
    retryable: false,
    meaning: 'the data directory cannot be used',
  },
  FORMAT_UNKNOWN: {
    rpc: 1020,
    exit: 1,
    retryable: false,
    meaning: 'data of an unknown format number',
  },
  ADDRESS_IN_USE: { rpc: 1021, exit: 1, retryable: false, meaning: 'a port or socket is taken' },
  CONFIG_INVALID: {
    rpc: 1022,
    exit: 2,
    retryable: false,
    meaning: 'the configuration is not valid',
  },
  STOPPED: { rpc: 1023, exit: 1, retryable: false, meaning: 'the node is stopped or stopping' },
  CANCELLED: { rpc: 1024, exit: 1, retryable: false, meaning: 'the caller gave the call up' },
  UNSUPPORTED: {
    rpc: 1025,
    exit: 2,
    retryable: false,
    meaning: 'this node or version cannot do that',
  },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

export interface AtollErrorOptions {
  readonly outcome?: Outcome
  /** What to do next, one clause. */
  readonly hint?: string
  readonly cause?: unknown
  /** With CONFLICT on a register: its current version, '' when it has no value. */
  readonly version?: string
}

/** The only kind of error that crosses the public API, the socket and the mesh. */
export class AtollError extends Error {
  override readonly name = 'AtollError'
  readonly code: ErrorCode
  readonly outcome: Outcome
  readonly hint: string | undefined
  readonly version: string | undefined

  constructor(code: ErrorCode, message: string, options: AtollErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.outcome = options.outcome ?? 'not-applied'
    this.hint = options.hint
    this.version = options.version
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }
}

export function isAtollError(error: unknown, code?: ErrorCode): error is AtollError {
  return error instanceof AtollError && (code === undefined || error.code === code)
}

/** The same error with what is known of the whole call, whatever its last step says of itself. */
export function withOutcome(error: AtollError, outcome: Outcome): AtollError {
  if (error.outcome === outcome) return error
  const { code, message, hint, version } = error
  return new AtollError(code, message, {
    outcome,
    cause: error,
    ...(hint !== undefined && { hint }),
    ...(version !== undefined && { version }),
  })
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text)
}
