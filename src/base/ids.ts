/**
 * The names of things. A peer id says who speaks, a storage id whose disk it is, a cluster id
 * which cluster. All are short printable strings, so they serve as keys of maps and of logs.
 *
 * A peer id is libp2p's: base58btc of the identity multihash of an Ed25519 public key
 * (github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md). It holds the key itself, so what a
 * peer signed can be checked with nothing but its name.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { fromString } from 'uint8arrays/from-string'
import { toString } from 'uint8arrays/to-string'
import { concatBytes } from './bytes.ts'

/** Of any of them. */
export const ID_BYTES_MAX = 64

/** libp2p peer id, `12D3Koo…`. */
export type PeerId = string
/** 128 random bits in base32, 26 characters; made once inside a data directory. */
export type StorageId = string
/** First 128 bits of the sha256 of the cluster's Ed25519 admission key, base32, 26 characters. */
export type ClusterId = string

const MULTIHASH_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const PKCS8_PREFIX = fromString('302e020100300506032b657004220420', 'base16')
const SPKI_PREFIX = fromString('302a300506032b6570032100', 'base16')
const KEY_BYTES = 32
/** The longest text that is even looked at as an id; real ones have 26 or 52 characters. */
const ID_LENGTH_MAX = 64

/** The Ed25519 private key of a 32-byte seed. */
export function ed25519FromSeed(seed: Uint8Array): KeyObject {
  const key = Buffer.from(concatBytes([PKCS8_PREFIX, seed]))
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

/** The 32 raw bytes of the public half of an Ed25519 private key. */
export function ed25519PublicBytes(privateKey: KeyObject): Uint8Array {
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return new Uint8Array(der.subarray(der.length - KEY_BYTES))
}

/** The key object of 32 raw public bytes. */
export function ed25519FromPublicBytes(publicKey: Uint8Array): KeyObject {
  const key = Buffer.from(concatBytes([SPKI_PREFIX, publicKey]))
  return createPublicKey({ key, format: 'der', type: 'spki' })
}

export function peerIdFromPublicKey(publicKey: Uint8Array): PeerId {
  return toString(concatBytes([MULTIHASH_PREFIX, publicKey]), 'base58btc')
}

/** The multihash bytes of a peer id (38 bytes), or null when the text is not an Ed25519 peer id. */
export function peerIdBytes(peer: PeerId): Uint8Array | null {
  if (peer.length > ID_LENGTH_MAX) return null
  let bytes: Uint8Array
  try {
    bytes = fromString(peer, 'base58btc')
  } catch {
    return null
  }
  if (bytes.length !== MULTIHASH_PREFIX.length + KEY_BYTES) return null
  return MULTIHASH_PREFIX.every((byte, i) => bytes[i] === byte) ? bytes : null
}

/** The 32 bytes of the public key inside a peer id, or null when the text is not a peer id. */
export function publicKeyOfPeer(peer: PeerId): Uint8Array | null {
  return peerIdBytes(peer)?.subarray(MULTIHASH_PREFIX.length) ?? null
}

/** 16 bytes as the text of a storage id or cluster id. */
export function idFromBytes(bytes: Uint8Array): string {
  return toString(bytes.subarray(0, 16), 'base32')
}

const ID_PATTERN = /^[a-z2-7]{26}$/
export function isId(text: string): boolean {
  return ID_PATTERN.test(text)
}
