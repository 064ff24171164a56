/**
 * The cluster's admission key: an Ed25519 key made at genesis and held by its members. It signs
 * the certificates that every hello carries and the grants inside tickets. The cluster's id is its
 * fingerprint, so whoever shows a signature under a cluster id shows the key as well.
 */
import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { concatBytes, utf8 } from '../base/bytes.ts'
import {
  type ClusterId,
  ed25519FromPublicBytes,
  ed25519FromSeed,
  ed25519PublicBytes,
  idFromBytes,
} from '../base/ids.ts'
import type { Random } from '../seams/random.ts'

export const SEED_BYTES = 32
export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** What a signature is for: one made for one purpose is worth nothing for another. */
export type Purpose = 'certificate' | 'grant'

export class AdmissionKey {
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
  readonly clusterId: ClusterId
  readonly #privateKey: KeyObject

  constructor(seed: Uint8Array) {
    assert(seed.length === SEED_BYTES, 'an admission key has a seed of 32 bytes')
    this.seed = seed
    this.#privateKey = ed25519FromSeed(seed)
    this.publicKey = ed25519PublicBytes(this.#privateKey)
    this.clusterId = clusterIdOf(this.publicKey)
  }

  /** The key of a new cluster. */
  static generate(random: Random): AdmissionKey {
    return new AdmissionKey(random.bytes(SEED_BYTES))
  }

  sign(purpose: Purpose, body: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, signedBytes(purpose, body), this.#privateKey))
  }
}

export function clusterIdOf(publicKey: Uint8Array): ClusterId {
  return idFromBytes(sha256(publicKey))
}

/** False for any bytes that are not that signature; never throws. */
export function isSignedBy(
  publicKey: Uint8Array,
  purpose: Purpose,
  body: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  try {
    const key = ed25519FromPublicBytes(publicKey)
    return verify(null, signedBytes(purpose, body), key, signature)
  } catch {
    return false // Not a point of the curve.
  }
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

function signedBytes(purpose: Purpose, body: Uint8Array): Uint8Array {
  return concatBytes([utf8(`atoll ${purpose} 1\n`), body])
}
