/**
 * Connections that go wrong at a stage and in a way chosen by chance: what is sent is the real thing,
 * cut, changed, repeated, late, or followed by nonsense.
 */
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { provePeers } from '../../src/adapters/libp2p-handshake.ts'
import { secureAsClient } from '../../src/adapters/libp2p-network-key.ts'
import type { Random } from '../../src/seams/random.ts'

export const STAGES = ['nothing', 'garbage', 'hello', 'finished', 'noise', 'frames'] as const
export type Stage = (typeof STAGES)[number]

export interface Target {
  readonly port: number
  readonly networkKey: Uint8Array
  /** Of the peer that the assailant is, once it says so. */
  readonly components: NoiseComponents
}

const PATIENCE_MS = 500

/** Resolves once the connection is over, as the target wants it or because it has seen enough. */
export async function assault(target: Target, stage: Stage, random: Random): Promise<void> {
  const plain = connect(target.port, '127.0.0.1')
  plain.on('error', () => undefined)
  try {
    await once(plain, 'connect')
    await ASSAULTS[stage](plain, target, random)
    const signal = AbortSignal.timeout(random.int(PATIENCE_MS))
    if (random.int(4) === 0) await once(plain, 'close', { signal })
  } catch {
    // As meant.
  }
  // After an end of ours Node never finishes a reset.
  if (random.int(2) === 0 && !plain.writableEnded) plain.resetAndDestroy()
  else plain.destroy()
}

type Assault = (plain: Socket, target: Target, random: Random) => Promise<void>

const ASSAULTS: Record<Stage, Assault> = {
  nothing: async (plain, _, random) => {
    if (random.int(2) === 0) plain.end()
  },

  garbage: async (plain, _, random) => {
    plain.resume()
    for (let i = random.int(4); i >= 0; i--) plain.write(record(random))
  },

  hello: async (plain, target, random) => {
    await secure(spoilt(plain, 0, random), target)
  },

  finished: async (plain, target, random) => {
    await prove(await secure(spoilt(plain, 1 + random.int(4), random), target), target)
  },

  noise: async (plain, target, random) => {
    const socket = await secure(plain, target)
    spoilWrite(socket, random.int(2), random)
    await prove(socket, target)
    for (let i = random.int(8); i > 0; i--) socket.write(frame(random))
  },

  frames: async (plain, target, random) => {
    const socket = await secure(plain, target)
    await prove(socket, target)
    if (random.int(2) === 0) socket.resume()
    for (let i = random.int(60); i > 0; i--) {
      const bytes = frame(random)
      socket.write(random.int(4) === 0 ? wrong(bytes, random) : bytes)
    }
    await new Promise((resolve) => setTimeout(resolve, random.int(30)))
  },
}

async function secure(plain: Duplex, { networkKey }: Target): Promise<TLSSocket> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  return secureAsClient(plain as Socket, networkKey, signal)
}

async function prove(socket: TLSSocket, { components }: Target): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  await provePeers(socket, components, { direction: 'outbound', remotePeer: undefined, signal })
}

/** The socket, but that its write of this number, from 0, goes out wrong. */
function spoilt(plain: Socket, number: number, random: Random): Duplex {
  const [near, far] = duplexPair()
  let count = 0
  far.on('data', (bytes: Buffer) => {
    plain.write(count++ === number ? wrong(bytes, random) : bytes)
  })
  far.on('end', () => plain.end())
  plain.on('data', (bytes: Buffer) => far.write(bytes))
  plain.on('close', () => near.destroy())
  near.on('close', () => plain.destroy())
  return near
}

function spoilWrite(socket: TLSSocket, number: number, random: Random): void {
  const write = socket.write.bind(socket) as (bytes: Uint8Array) => boolean
  let count = 0
  const spoiling = (bytes: Uint8Array): boolean =>
    write(count++ === number ? wrong(bytes, random) : bytes)
  Object.assign(socket, { write: spoiling })
}

function wrong(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.int(bytes.length + 1)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  const ways = [
    () => before,
    () => Buffer.concat([bytes, bytes]),
    () => Buffer.concat([before, after.subarray(1)]),
    () => Buffer.concat([before, random.bytes(1 + random.int(70_000)), after]),
    () => random.bytes(bytes.length),
    () => Buffer.concat([before, random.bytes(1), after.subarray(1)]),
  ]
  return ways[random.int(ways.length)]?.() ?? bytes
}

/** Of TLS, more or less: its type, its version, its length, and something. */
function record(random: Random): Uint8Array {
  const length = random.int(2) === 0 ? random.int(64) : random.int(65_536)
  const header = Buffer.from([20 + random.int(5), 3, 1 + random.int(4), length >> 8, length & 255])
  const body = random.bytes(random.int(4) === 0 ? random.int(length + 1) : length)
  // Often a ClientHello, of any length.
  if (random.int(2) === 0 && body.length > 4) body.set([1, random.int(2)])
  return Buffer.concat([header, body])
}

const LENGTHS = [0, 1, 11, 12, 13, 1000, 65_536, 262_144, 2 ** 24, 2 ** 31, 2 ** 32 - 1]

/** Of yamux, more or less. */
function frame(random: Random): Uint8Array {
  const header = Buffer.alloc(12)
  header[0] = random.int(40) === 0 ? random.int(256) : 0
  const type = random.int(40) === 0 ? random.int(256) : random.int(4)
  header[1] = type
  header.writeUInt16BE(random.int(8) === 0 ? random.int(65_536) : 1 << random.int(4), 2)
  header.writeUInt32BE(random.int(8), 4)
  const length = random.int(3) > 0 ? random.int(300) : (LENGTHS[random.int(LENGTHS.length)] ?? 0)
  header.writeUInt32BE(length, 8)
  const said = type === 0 ? Math.min(length, 70_000) : 0
  return Buffer.concat([header, speech(random).subarray(0, said)])
}

/** What opens a stream of ours now and then, or nonsense. */
function speech(random: Random): Uint8Array {
  const line = (text: string): Buffer =>
    Buffer.from(`${String.fromCharCode(text.length + 1)}${text}\n`)
  const names = [
    '/atoll/1/request',
    '/atoll/1/gossip',
    '/atoll/kad/1',
    '/ipfs/id/1.0.0',
    '/ipfs/ping/1.0.0',
  ]
  const name = names[random.int(names.length)] ?? ''
  if (random.int(2) === 0) return random.bytes(1 + random.int(2000))
  return Buffer.concat([line('/multistream/1.0.0'), line(name), random.bytes(random.int(400))])
}
