/** Why a dial failed, in the few words that the layers above act on. */
import { NetworkError, type NetworkErrorKind } from '../seams/network.ts'

const DENIED_NAMES = new Set([
  'NetworkKeyError',
  'ProofError',
  'UnexpectedPeerError',
  'InvalidCryptoExchangeError',
  'UnsupportedProtocolError',
])

/** The worst outcome of all addresses; `refused` only when every one refused. */
export function dialError(error: unknown, what: string): NetworkError {
  const kind = kindOf(leavesOf(error))
  const { message } = error as Error
  return new NetworkError(kind, `${what}: ${message}`, error)
}

/** Another attempt at the same peer would come to the same end. */
export function isDenial(error: unknown): boolean {
  return leavesOf(error).some(({ name }) => DENIED_NAMES.has(name))
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
  if (real.some(({ name }) => DENIED_NAMES.has(name))) return 'denied'
  if (real.some(isTimeout)) return 'timeout'
  return 'unreachable'
}
