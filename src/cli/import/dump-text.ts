/** Bytes of a dump as ours: text where they are UTF-8, else bytes. */
import { isUtf8 } from 'node:buffer'

export function textOrBytes(bytes: Buffer): string | Uint8Array {
  return isUtf8(bytes) ? bytes.toString('utf8') : new Uint8Array(bytes)
}

/** null: not UTF-8, so it cannot be a key. */
export function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString('utf8') : null
}

/** For a person: the text, or its bytes in hexadecimal; not all of a long one. */
export function named(bytes: Buffer): string {
  const short = bytes.subarray(0, 40)
  const dots = bytes.length > short.length ? '…' : ''
  if (!isUtf8(bytes)) return `0x${short.toString('hex')}${dots}`
  return JSON.stringify(short.toString('utf8')) + dots
}

/** null: no base64 with padding. */
export function bytesOfBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}
