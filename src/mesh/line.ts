/**
 * A line: the one long-lived link to a peer in one traffic class, dialled when somebody needs it.
 *
 * Both sides may dial at the same moment. Then two links open, and both sides keep the one that
 * the lower peer id dialled: the other dialler retires its own, by a FIN each way, so nothing on
 * it is lost. Of two links that the same side dialled the newer one counts: its dialler had given
 * the older one up. Until that is settled the newest link carries what is sent, and both deliver.
 */
import type { AtollError } from '../base/errors.ts'
import type { TrafficClass } from '../seams/network.ts'
import { FIN } from '../wire/frames.ts'
import type { Gone, LinkOwner, MeshLink } from './mesh-link.ts'

/** What runs over a line. */
export interface LineUser {
  /** Throws WireError: the link is dropped. */
  onFrame(link: MeshLink, frame: Uint8Array): void
  /** There is a link that takes frames. */
  onWritable(): void
  /** `successor`: where its answers come from now, when both sides agreed that nothing was lost. */
  onLinkGone(link: MeshLink, successor: MeshLink | null): void
  /** No link could be had; nothing that waits was sent. */
  onUnreachable(error: AtollError): void
}

export interface LineHost {
  /** True when this side's peer id is the lower one: the links that it dials stay. */
  readonly lower: boolean
  /** Dials now or when the back-off is over; the outcome comes to `adopt` or `failed`. */
  dial(line: Line): void
  onLinkGone(link: MeshLink, how: Gone): void
}

export class Line implements LinkOwner {
  readonly trafficClass: TrafficClass
  readonly #host: LineHost
  readonly #user: LineUser
  /** Oldest first; those that retire included. */
  readonly #links = new Set<MeshLink>()
  /** The newest usable link: what is sent goes there. */
  #current: MeshLink | null = null
  /** A dial or the hello after it is under way. */
  dialling = false

  constructor(trafficClass: TrafficClass, host: LineHost, user: (line: Line) => LineUser) {
    this.trafficClass = trafficClass
    this.#host = host
    this.#user = user(this)
  }

  get user(): LineUser {
    return this.#user
  }

  get current(): MeshLink | null {
    return this.#current
  }

  get links(): ReadonlySet<MeshLink> {
    return this.#links
  }

  /** Somebody has something to send. */
  want(): void {
    if (this.#current === null && !this.dialling) this.#host.dial(this)
  }

  /** A dialled link would only be retired: the other side's is open and stays. */
  get dialIsMoot(): boolean {
    return !this.#host.lower && this.#current?.inbound === true
  }

  adopt(link: MeshLink): void {
    const rivals = [...this.#links]
    this.#links.add(link)
    this.#current = link
    for (const rival of rivals) {
      if (rival.inbound !== link.inbound) this.#settle(rival, link)
      else if (rival.usable) rival.drop() // One that retires still has frames to deliver.
    }
    this.#choose()
    this.#answerFins()
  }

  /** The dial came to nothing. */
  failed(error: AtollError): void {
    this.dialling = false
    this.#answerFins()
    if (this.#current === null) this.#user.onUnreachable(error)
  }

  /** Ends all links; what was sent on them is in doubt. */
  drop(): void {
    for (const link of this.#links) link.drop()
  }

  onFrame(link: MeshLink, frame: Uint8Array): void {
    this.#user.onFrame(link, frame)
  }

  onWritable(link: MeshLink): void {
    if (link === this.#current) this.#user.onWritable()
  }

  onFin(_link: MeshLink): void {
    this.#choose()
    this.#answerFins()
    if (this.#current?.writable === true) this.#user.onWritable()
  }

  onGone(link: MeshLink, how: Gone): void {
    this.#links.delete(link)
    this.#choose()
    this.#user.onLinkGone(link, how === 'retired' ? this.#current : null)
    this.#host.onLinkGone(link, how)
  }

  /** Only the dialler of the superfluous link retires it, having seen both open. */
  #settle(a: MeshLink, b: MeshLink): void {
    if (this.#host.lower) return
    const own = a.inbound ? b : a
    own.retire(FIN.SUPERSEDED)
  }

  /**
   * Ends what the other side has superseded, but not before the link that supersedes it has said
   * hello here too: answers to what was sent on the old one will come on the new one.
   */
  #answerFins(): void {
    if (this.#current === null && this.dialling) return
    for (const link of this.#links) if (link.retiring) link.retire(FIN.SUPERSEDED)
  }

  #choose(): void {
    let newest: MeshLink | null = null
    for (const link of this.#links) if (link.usable) newest = link
    this.#current = newest
  }
}
