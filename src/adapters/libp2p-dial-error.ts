/** Why a dial failed, in the few words that the layers above act on. */
import { NetworkError, type NetworkErrorKind } from '../seams/network.ts'

const DENIED_NAMES = new Set([
  'EncryptionFailedError',
  'UnexpectedPeerError',
  'InvalidCryptoExchangeError',
  'UnsupportedProtocolError',
  'DialDeniedError',
  'ConnectionDeniedError',
  'MuxerUnavailableError',
])

/** `attempted` is false when there was no address to try. */
export function dialError(error: unknown, what: string): NetworkError {
  const kind = kindOf(leavesOf(error))
  const { message } = error as Error
  return new NetworkError(kind, `${what}: ${message}`, error)
}

/** The errors of single addresses inside what libp2p throws. */
function leavesOf(error: unknown): Error[] {
  if (error instanceof AggregateError) return error.errors.flatMap(leavesOf)
  if (!(error instanceof Error)) return [new Error(String(error))]
  const { cause } = error
  return cause instanceof Error && cause !== error ? [error, ...leavesOf(cause)] : [error]
}

function kindOf(leaves: readonly Error[]): NetworkErrorKind {
  const isRefused = (leaf: Error) =>
    (leaf as NodeJS.ErrnoException).code === 'ECONNREFUSED' || /ECONNREFUSED/.test(leaf.message)
  const isTimeout = (leaf: Error) =>
    /Timeout|AbortError/.test(leaf.name) || /ETIMEDOUT/.test(leaf.message)
  const real = leaves.filter((leaf) => !(leaf instanceof AggregateError))
  if (real.length > 0 && real.every(isRefused)) return 'refused'
  if (real.some((leaf) => DENIED_NAMES.has(leaf.name))) return 'denied'
  if (real.some(isTimeout)) return 'timeout'
  return 'unreachable'
}
