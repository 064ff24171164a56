/** Writes RDB files in every encoding, also those that the Redis at hand no longer writes. */
import { Crc64 } from '../../../src/cli/import/redis/crc64.ts'

const MAX_6 = 1 << 6
const MAX_14 = 1 << 14

export function length(n: number): Buffer {
  if (n < MAX_6) return Buffer.of(n)
  if (n < MAX_14) return Buffer.of(0x40 | (n >> 8), n & 0xff)
  const bytes = Buffer.alloc(5, 0x80)
  bytes.writeUInt32BE(n, 1)
  return bytes
}

export function length64(n: number): Buffer {
  const bytes = Buffer.alloc(9, 0x81)
  bytes.writeBigUInt64BE(BigInt(n), 1)
  return bytes
}

export function str(bytes: string | Buffer): Buffer {
  const raw = Buffer.from(bytes as Buffer)
  return Buffer.concat([length(raw.length), raw])
}

/** LZF in literals, and a copy of the last byte where `repeat` asks for one. */
export function lzf(bytes: Buffer, repeat = 0): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 32) {
    const literal = bytes.subarray(at, at + 32)
    parts.push(Buffer.of(literal.length - 1), literal)
  }
  if (repeat >= 9) parts.push(Buffer.of(7 << 5, repeat - 9, 0))
  else if (repeat >= 3) parts.push(Buffer.of((repeat - 2) << 5, 0))
  const whole = Buffer.concat(parts)
  return Buffer.concat([
    Buffer.of(0xc3),
    length(whole.length),
    length(bytes.length + repeat),
    whole,
  ])
}

export function listpack(elements: readonly (string | number)[]): Buffer {
  const parts = elements.map((element) => {
    const body = typeof element === 'number' ? listpackNumber(element) : listpackText(element)
    return Buffer.concat([body, backLength(body.length)])
  })
  return packed(parts, 6, (head, total) => {
    head.writeUInt32LE(total, 0)
    head.writeUInt16LE(elements.length, 4)
  })
}

function listpackText(text: string): Buffer {
  const raw = Buffer.from(text)
  if (raw.length < 64) return Buffer.concat([Buffer.of(0x80 | raw.length), raw])
  if (raw.length < 4096) {
    return Buffer.concat([Buffer.of(0xe0 | (raw.length >> 8), raw.length & 0xff), raw])
  }
  const head = Buffer.alloc(5, 0xf0)
  head.writeUInt32LE(raw.length, 1)
  return Buffer.concat([head, raw])
}

function listpackNumber(n: number): Buffer {
  if (n >= 0 && n < 128) return Buffer.of(n)
  if (n >= -4096 && n < 4096) return Buffer.of(0xc0 | ((n & 0x1fff) >> 8), n & 0xff)
  return marked(n, [0xf1, 0xf2, 0xf3, 0xf4])
}

/** The first of 2, 3, 4 and 8 bytes that holds it. */
function marked(n: number, [two, three, four, eight]: readonly number[]): Buffer {
  for (const [size, mark] of [
    [2, two],
    [3, three],
    [4, four],
  ] as const) {
    if (Math.abs(n) >= 2 ** (8 * size - 1)) continue
    const bytes = Buffer.alloc(1 + size, mark)
    bytes.writeIntLE(n, 1, size)
    return bytes
  }
  const bytes = Buffer.alloc(9, eight)
  bytes.writeBigInt64LE(BigInt(n), 1)
  return bytes
}

function backLength(n: number): Buffer {
  const groups = [n & 0x7f]
  for (let left = n >> 7; left > 0; left >>= 7) groups.unshift(left & 0x7f)
  return Buffer.from(groups.map((group, i) => (i === 0 ? group : group | 0x80)))
}

export function ziplist(entries: readonly (string | number)[]): Buffer {
  const parts: Buffer[] = []
  let previous = 0
  for (const entry of entries) {
    const before = Buffer.alloc(previous < 254 ? 1 : 5, 0xfe)
    if (previous < 254) before[0] = previous
    else before.writeUInt32LE(previous, 1)
    const body = typeof entry === 'number' ? ziplistNumber(entry) : ziplistText(entry)
    const part = Buffer.concat([before, body])
    previous = part.length
    parts.push(part)
  }
  return packed(parts, 10, (head, total) => {
    head.writeUInt32LE(total, 0)
    head.writeUInt32LE(total - 1 - previous, 4)
    head.writeUInt16LE(entries.length, 8)
  })
}

function ziplistText(text: string): Buffer {
  const raw = Buffer.from(text)
  if (raw.length < 64) return Buffer.concat([Buffer.of(raw.length), raw])
  if (raw.length < MAX_14) {
    return Buffer.concat([Buffer.of(0x40 | (raw.length >> 8), raw.length & 0xff), raw])
  }
  const head = Buffer.alloc(5, 0x80)
  head.writeUInt32BE(raw.length, 1)
  return Buffer.concat([head, raw])
}

function ziplistNumber(n: number): Buffer {
  if (n >= 0 && n <= 12) return Buffer.of(0xf1 + n)
  if (n >= -128 && n < 128) return Buffer.of(0xfe, n & 0xff)
  return marked(n, [0xc0, 0xf0, 0xd0, 0xe0])
}

function packed(
  parts: readonly Buffer[],
  headBytes: number,
  fill: (head: Buffer, total: number) => void,
): Buffer {
  const head = Buffer.alloc(headBytes)
  const body = Buffer.concat(parts)
  fill(head, headBytes + body.length + 1)
  return Buffer.concat([head, body, Buffer.of(0xff)])
}

export function intset(size: 2 | 4 | 8, numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 + size * numbers.length)
  bytes.writeUInt32LE(size, 0)
  bytes.writeUInt32LE(numbers.length, 4)
  for (const [i, n] of numbers.entries()) {
    if (size === 8) bytes.writeBigInt64LE(BigInt(n), 8 + 8 * i)
    else bytes.writeIntLE(n, 8 + size * i, size)
  }
  return bytes
}

export function double(n: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(n)
  return bytes
}

export function time(ms: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(ms))
  return bytes
}

export function key(type: number, name: string | Buffer, ...value: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.of(type), str(name), ...value])
}

/** A whole file, with its checksum. */
export function rdb(parts: readonly Buffer[], version = 10): Buffer {
  const head = Buffer.from(`REDIS${String(version).padStart(4, '0')}`)
  const body = Buffer.concat([head, ...parts, Buffer.of(0xff)])
  if (version < 5) return body
  const crc = new Crc64()
  crc.update(body)
  const sum = Buffer.alloc(8)
  sum.writeBigUInt64LE(crc.value)
  return Buffer.concat([body, sum])
}

/** The same file without a checksum, as `rdbchecksum no` writes it. */
export function unchecked(file: Buffer): Buffer {
  return Buffer.concat([file.subarray(0, -8), Buffer.alloc(8)])
}
