/**
 * The private network's key as the pre-shared key of TLS 1.3 (RFC 8446, section 2.2), beside a
 * Diffie-Hellman exchange: a stranger is refused at its first message, before it costs a signature,
 * and what was recorded stays secret when the key gets out later.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, type TLSSocket, type TlsOptions } from 'node:tls'

const TLS_1_3 = {
  // The hash of a pre-shared key is SHA-256 here, which leaves these.
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256',
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
} as const
/** Which key: there is one. It travels in the clear. */
const IDENTITY = 'atoll'
const NOT_OURS = 'it has another network key, or is no atolld'

/** What answers is no peer of this network. */
export class NetworkKeyError extends Error {
  override readonly name = 'NetworkKeyError'
}

/** Rejects with NetworkKeyError, with the end of the socket, or with the signal's abortion. */
export async function secureAsClient(
  socket: Socket,
  networkKey: Uint8Array,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const pskCallback = () => ({ psk: networkKey, identity: IDENTITY })
  // No certificate counts, not even a good one: see below.
  const secured = connect({ ...TLS_1_3, socket, pskCallback, rejectUnauthorized: false })
  // Its end is seen by whoever reads; an error that nobody listens to would end the process.
  secured.on('error', () => undefined)
  try {
    await once(secured, 'secureConnect', { signal })
  } catch (cause) {
    const isTls = ((cause as NodeJS.ErrnoException).code ?? '').startsWith('ERR_SSL_')
    if (!isTls) throw cause
    throw new NetworkKeyError(NOT_OURS, { cause })
  }
  // A server may pass over the key that it is offered and show a certificate instead. Who the other
  // side is comes after (libp2p-handshake.ts).
  if (!secured.isSessionReused()) throw new NetworkKeyError(NOT_OURS)
  return secured
}

export function serverTls(networkKey: Uint8Array): TlsOptions {
  return { ...TLS_1_3, pskCallback: () => networkKey }
}
