/**
 * What lies between simulated machines: hosts with addresses, a directed path from each to each,
 * and the faults of both. Links and dials are built on it (sim-connection.ts, sim-dial.ts).
 *
 * Links are TCP's: ordered and reliable until they break. So a lost packet shows as a longer
 * delay, a cut path as silence, and a connection ends only when a kernel says so: at once when a
 * process died on a machine that still runs, after minutes of retransmission when nobody answers.
 */
import type { PeerId } from '../../src/base/ids.ts'
import type { Kernel } from './kernel.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimRandom } from './sim-random.ts'

export interface FabricOptions {
  /** One way, without queueing. */
  readonly delayMs: number
  /** Mean of the exponential part that comes on top of `delayMs`. */
  readonly jitterMs: number
  /** Share of frames that take a detour (a busy switch, a busy kernel). */
  readonly tailChance: number
  readonly tailMs: number
  /** Bytes in a millisecond on one path. */
  readonly bytesPerMs: number
  /** How long a kernel retransmits before it gives the connection up. */
  readonly tcpTimeoutMs: number
}

export const LAN: FabricOptions = {
  delayMs: 0.2,
  jitterMs: 0.2,
  tailChance: 0.01,
  tailMs: 20,
  bytesPerMs: 100_000,
  tcpTimeoutMs: 60_000,
}

/** TCP's first retransmission time-out; doubles with every further one. */
export const RTO_MS = 200
const RTO_MS_MAX = 30_000

/** One direction between two hosts. */
export interface Path {
  cut: boolean
  /** Share of packets lost. */
  loss: number
  /** Nothing arrives before this time. */
  cloggedUntilUs: number
  /** Comes on top of every delay. */
  extraDelayMs: number
}

export class SimHost {
  readonly id: number
  readonly name: string
  /** False after a power loss: nobody is there to say that nobody listens. */
  powered = true
  /** Changes when the machine comes back elsewhere. */
  ip: string
  /** By port. */
  readonly listeners = new Map<number, SimNetwork>()

  constructor(id: number, name: string, ip: string) {
    this.id = id
    this.name = name
    this.ip = ip
  }
}

export class Fabric {
  readonly kernel: Kernel
  readonly random: SimRandom
  options: FabricOptions
  readonly #hosts: SimHost[] = []
  readonly #paths = new Map<number, Path>()
  readonly #networks = new Set<SimNetwork>()
  #addresses = 0

  constructor(kernel: Kernel, random: SimRandom, options: FabricOptions = LAN) {
    this.kernel = kernel
    this.random = random
    this.options = options
  }

  get hosts(): readonly SimHost[] {
    return this.#hosts
  }

  /** Started and not stopped, crashed ones included until `remove`. */
  get networks(): ReadonlySet<SimNetwork> {
    return this.#networks
  }

  addHost(name: string): SimHost {
    const host = new SimHost(this.#hosts.length, name, this.#newIp())
    this.#hosts.push(host)
    return host
  }

  /** The machine gets another address; for use while none of its processes runs. */
  readdress(host: SimHost): void {
    host.ip = this.#newIp()
  }

  add(network: SimNetwork): void {
    this.#networks.add(network)
  }

  remove(network: SimNetwork): void {
    this.#networks.delete(network)
  }

  hostAt(ip: string): SimHost | undefined {
    return this.#hosts.find((host) => host.ip === ip)
  }

  networkOf(peer: PeerId): SimNetwork | undefined {
    for (const network of this.#networks) if (network.self === peer && network.up) return network
    return undefined
  }

  path(from: SimHost, to: SimHost): Path {
    const key = from.id * 65536 + to.id
    let path = this.#paths.get(key)
    if (path === undefined) {
      path = { cut: false, loss: 0, cloggedUntilUs: 0, extraDelayMs: 0 }
      this.#paths.set(key, path)
    }
    return path
  }

  /** Whether a packet sent now arrives. A machine reaches itself whatever the network does. */
  passes(from: SimHost, to: SimHost): boolean {
    if (!from.powered || !to.powered) return false
    return from === to || !this.path(from, to).cut
  }

  /** One-way delay of a packet sent now, retransmissions of lost ones included. */
  delayUs(from: SimHost, to: SimHost, bytes: number): number {
    const { random, options } = this
    if (from === to) return 30 + bytes / options.bytesPerMs
    const path = this.path(from, to)
    let delayMs = options.delayMs + random.exponential(options.jitterMs) + path.extraDelayMs
    if (random.chance(options.tailChance)) delayMs += random.exponential(options.tailMs)
    for (let k = 0; path.loss > 0 && random.chance(path.loss); k++) delayMs += retransmitMs(k)
    delayMs += bytes / options.bytesPerMs
    return Math.max(delayMs * 1000, path.cloggedUntilUs - this.kernel.nowUs)
  }

  #newIp(): string {
    const n = ++this.#addresses
    return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
  }
}

/** How long TCP waits before its retransmission number `k`, counted from 0. */
export function retransmitMs(k: number): number {
  return Math.min(RTO_MS * 2 ** k, RTO_MS_MAX)
}
