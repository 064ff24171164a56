/** Multiaddrs as text: checked, without the peer they lead to, and those worth giving to others. */
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { AtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'

/** Addresses remembered per peer, and peers remembered at all: newest first. */
const ADDRESSES_MAX = 16
const BOOK_MAX = 10_000

/** Throws CONFIG_INVALID. */
export function checkAddress(address: string): void {
  try {
    multiaddr(address)
  } catch (cause) {
    throw new AtollError('CONFIG_INVALID', `"${address}" is no multiaddr`, {
      hint: 'write it like /ip4/0.0.0.0/tcp/4410',
      cause,
    })
  }
}

/** Without the peer, once each; those of the machine itself only when there are no others. */
export function usefulAddresses(addresses: readonly Multiaddr[]): readonly string[] {
  const plain = [...new Set(addresses.map(withoutPeer))]
  const elsewhere = plain.filter((address) => !/^\/(ip4\/127\.|ip6\/::1\/)/.test(address))
  return elsewhere.length > 0 ? elsewhere : plain
}

/** The addresses that lead to a peer, as far as they can be read. */
export function addressesOf(peer: PeerId, addresses: Iterable<string>): readonly Multiaddr[] {
  const plain = new Set<string>()
  for (const address of addresses) {
    try {
      plain.add(withoutPeer(multiaddr(address)))
    } catch {
      // What others say of a peer's addresses is a hint.
    }
  }
  return [...plain].slice(0, ADDRESSES_MAX).map((address) => multiaddr(`${address}/p2p/${peer}`))
}

function withoutPeer(address: Multiaddr): string {
  const text = address.toString()
  const at = text.indexOf('/p2p/')
  return at < 0 ? text : text.slice(0, at)
}

/** Where peers can be dialled, as this node was told. */
export class AddressBook {
  readonly #known = new Map<PeerId, readonly string[]>()

  learn(peer: PeerId, addresses: readonly string[]): void {
    const merged = [...new Set([...addresses, ...this.of(peer)])]
    this.#known.delete(peer)
    this.#known.set(peer, merged.slice(0, ADDRESSES_MAX))
    const [oldest] = this.#known.keys()
    if (this.#known.size > BOOK_MAX && oldest !== undefined) this.#known.delete(oldest)
  }

  of(peer: PeerId): readonly string[] {
    return this.#known.get(peer) ?? []
  }
}
