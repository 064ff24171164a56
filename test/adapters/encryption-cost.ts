/**
 * What our transport costs on a link, and what Noise over TCP, which is libp2p as it comes, would:
 * CPU of one end, the other being a process of its own.
 * Run it by hand: node test/adapters/encryption-cost.ts
 */
import { noise } from '@chainsafe/libp2p-noise'
import { quietYamux } from '../../src/adapters/libp2p-muxer.ts'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { concatBytes } from '../../src/base/bytes.ts'
import { ed25519FromSeed, ed25519PublicBytes } from '../../src/base/ids.ts'
import { privateTcp } from '../../src/adapters/libp2p-transport.ts'
import { LINK_TIMES, Libp2pLink } from '../../src/adapters/libp2p-link.ts'

const STACKS = ['private', 'noise'] as const
type Stack = (typeof STACKS)[number]

const PROTOCOL = '/cost/1'
const SECONDS = 1.5

interface Load {
  readonly what: string
  readonly bytes: number
  /** Frames under way. */
  readonly depth: number
}

const LOADS: readonly Load[] = [
  { what: '128 bytes, one at a time', bytes: 128, depth: 1 },
  { what: '128 bytes, 64 under way', bytes: 128, depth: 64 },
  { what: '8 KiB, 8 under way', bytes: 8192, depth: 8 },
  { what: '64 KiB, 8 under way', bytes: 65536, depth: 8 },
]

async function node(stack: Stack, seed: number): Promise<Libp2p> {
  const secret = new Uint8Array(32).fill(seed)
  const key = privateKeyFromRaw(concatBytes([secret, ed25519PublicBytes(ed25519FromSeed(secret))]))
  return createLibp2p({
    privateKey: key,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    ...(stack === 'private'
      ? { transports: [privateTcp({ networkKey: new Uint8Array(32).fill(7), handshakeMs: 5000 })] }
      : { transports: [tcp()], connectionEncrypters: [noise()] }),
    streamMuxers: [quietYamux({})],
    connectionMonitor: { enabled: false },
  })
}

function linkOf(stream: Stream, inbound: boolean, onFrame: (frame: Uint8Array) => void) {
  const facts = { peer: '', trafficClass: 'request', inbound } as const
  const link = new Libp2pLink(stream, facts, LINK_TIMES, () => undefined)
  link.open({ onFrame, onDrain: () => undefined, onClose: () => undefined })
  return link
}

async function echo(stack: Stack): Promise<void> {
  const libp2p = await node(stack, 2)
  await libp2p.handle(PROTOCOL, (stream) => {
    const link = linkOf(stream, true, (frame) => link.send(frame))
  })
  process.send?.(libp2p.getMultiaddrs().map(String)[0])
}

async function measure(stack: Stack): Promise<void> {
  const server = fork(import.meta.filename, [stack])
  const [address] = (await once(server, 'message')) as [string]
  const libp2p = await node(stack, 1)
  const before = process.cpuUsage()
  const connection = await libp2p.dial(multiaddr(address))
  console.log(`${stack}: dial ${(micros(before) / 1000).toFixed(0)} ms of CPU`)
  for (const load of LOADS) await run(stack, await connection.newStream(PROTOCOL), load)
  await libp2p.stop()
  server.kill()
}

async function run(stack: Stack, stream: Stream, { what, bytes, depth }: Load): Promise<void> {
  const frame = new Uint8Array(bytes).fill(7)
  let answers = 0
  const link = linkOf(stream, false, () => {
    answers++
    link.send(frame)
  })
  for (let i = 0; i < depth; i++) link.send(frame)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const [from, before] = [answers, process.cpuUsage()]
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000))
  const [messages, cpu] = [answers - from, micros(before)]
  link.abort()
  // Each round trip is one frame out and one in.
  const perMessage = (cpu / messages).toFixed(1)
  const perMegabyte = (cpu / 1000 / ((2 * messages * bytes) / 1e6)).toFixed(1)
  const rate = Math.round(messages / SECONDS)
  console.log(`${stack}: ${what}: ${perMessage} µs, ${perMegabyte} ms per MB, ${rate} per second`)
}

function micros(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return user + system
}

const [, , asServer] = process.argv
if (asServer === undefined) for (const stack of STACKS) await measure(stack)
else await echo(asServer === 'private' ? 'private' : 'noise')
