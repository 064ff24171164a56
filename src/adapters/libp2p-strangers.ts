/**
 * Sockets that have yet to prove something, bounded: a new one takes the place of another, so that
 * who opens sockets and says nothing keeps nobody out whose proof takes its usual milliseconds.
 *
 * The other is the oldest of the host that has the most: a host that opens them faster than anybody
 * can prove anything crowds out only itself. Many hosts together can still crowd out the rest.
 */
import { isIPv6, type Socket } from 'node:net'

export const STRANGERS_MAX = 200
const IPV6_GROUPS = 8
/** They name a network; the other half of an address is the free choice of whoever is in it. */
const IPV6_NETWORK_GROUPS = 4

export class Strangers {
  /** By host, and there by the two ends of the connection: the oldest first, no host without any. */
  readonly #hosts = new Map<string, Map<string, Socket>>()
  /** At most STRANGERS_MAX. */
  #size = 0

  /** Destroys one, the new one if it has gone already. */
  add(socket: Socket): void {
    const ends = endsOf(socket)
    if (ends === null) {
      socket.destroy()
      return
    }
    const host = hostOf(socket.remoteAddress ?? '')
    const sockets = this.#hosts.get(host) ?? new Map<string, Socket>()
    this.#hosts.set(host, sockets)
    if (!sockets.has(ends)) this.#size++
    sockets.set(ends, socket)
    socket.on('close', () => this.#remove(host, ends, socket))
    if (this.#size > STRANGERS_MAX) this.#makeRoom()
  }

  /** It is one no more; `socket` may be another over the same connection. */
  delete(socket: Socket): void {
    const ends = endsOf(socket)
    if (ends !== null) this.#remove(hostOf(socket.remoteAddress ?? ''), ends)
  }

  #remove(host: string, ends: string, only?: Socket): void {
    const sockets = this.#hosts.get(host)
    const found = sockets?.get(ends)
    if (sockets === undefined || found === undefined) return
    // The ends of one that has closed may be another's by now.
    if (only !== undefined && only !== found) return
    sockets.delete(ends)
    if (sockets.size === 0) this.#hosts.delete(host)
    this.#size--
  }

  #makeRoom(): void {
    let crowd = ''
    for (const [host, { size }] of this.#hosts) {
      if (size > (this.#hosts.get(crowd)?.size ?? 0)) crowd = host
    }
    for (const [ends, socket] of this.#hosts.get(crowd) ?? []) {
      // At once: it tells of its end a turn later, and many may come in one.
      this.#remove(crowd, ends)
      socket.destroy()
      return
    }
  }
}

/** Null: it has gone. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string | null {
  return remoteAddress === undefined ? null : `${remoteAddress} ${remotePort} ${localAddress}`
}

/** An address, or the network of one that a host may have any number of. */
export function hostOf(address: string): string {
  if (!isIPv6(address)) return address
  const [before = [], after = []] = address.split('::').map((half) => half.split(':'))
  const zeros = Array<string>(Math.max(0, IPV6_GROUPS - before.length - after.length)).fill('0')
  return [...before, ...zeros, ...after].slice(0, IPV6_NETWORK_GROUPS).join(':')
}
