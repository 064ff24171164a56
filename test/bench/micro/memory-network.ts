/** Two networks joined by nothing: a frame costs next to nothing, so what remains is the mesh. */
import type { PeerId } from '../../../src/base/ids.ts'
import type {
  FoundPeer,
  Link,
  LinkHandler,
  Network,
  TrafficClass,
} from '../../../src/seams/network.ts'

class MemoryLink implements Link {
  readonly peer: PeerId
  readonly trafficClass: TrafficClass
  readonly inbound: boolean
  #handler: LinkHandler | null = null
  #waiting: Uint8Array[] = []
  other: MemoryLink | null = null

  constructor(peer: PeerId, trafficClass: TrafficClass, inbound: boolean) {
    this.peer = peer
    this.trafficClass = trafficClass
    this.inbound = inbound
  }

  open(handler: LinkHandler): void {
    this.#handler = handler
  }

  send(frame: Uint8Array): boolean {
    this.other?.receive(frame)
    return true
  }

  receive(frame: Uint8Array): void {
    if (this.#waiting.push(frame) > 1) return
    setImmediate(() => {
      const frames = this.#waiting
      this.#waiting = []
      for (const each of frames) this.#handler?.onFrame(each)
    })
  }

  close(): void {
    this.#handler?.onClose('closed')
  }

  abort(): void {
    this.close()
  }
}

export class MemoryNetwork implements Network {
  readonly self: PeerId
  other: MemoryNetwork | null = null
  #onLink: ((link: Link) => void) | null = null

  constructor(self: PeerId) {
    this.self = self
  }

  start(onLink: (link: Link) => void): Promise<void> {
    this.#onLink = onLink
    return Promise.resolve()
  }

  dial(peer: PeerId, trafficClass: TrafficClass): Promise<Link> {
    const near = new MemoryLink(peer, trafficClass, false)
    const far = new MemoryLink(this.self, trafficClass, true)
    near.other = far
    far.other = near
    this.other?.accept(far)
    return Promise.resolve(near)
  }

  accept(link: Link): void {
    this.#onLink?.(link)
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }

  addresses(): readonly string[] {
    return []
  }

  learnAddresses(): void {
    // There is one place.
  }

  disconnect(): void {
    // Nothing to drop.
  }

  findPeer(): Promise<readonly string[]> {
    return Promise.resolve([])
  }

  tryAddresses(): Promise<'open'> {
    return Promise.resolve('open')
  }

  closestPeers(): Promise<readonly FoundPeer[]> {
    return Promise.resolve([])
  }
}
