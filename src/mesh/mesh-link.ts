/**
 * One link from the moment it is handed over to its end: the exchange of hellos, then frames, then
 * the FINs by which both sides agree that nothing was lost.
 *
 * The dialler speaks first; who accepts answers with its own hello only when it found the other's
 * good. Nothing that arrives before the other's hello was found good goes any further.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { CloseReason, Link, LinkHandler, TrafficClass } from '../seams/network.ts'
import { WireError } from '../wire/codec.ts'
import { FIN, FRAME } from '../wire/frames.ts'
import { asTold } from './answer.ts'
import type { MeshCounts, Traffic } from './counts.ts'
import { decodeRefusal, encodeRefusal } from './hello.ts'
import { HELLO_TIMEOUT_MS, RETIRE_TIMEOUT_MS } from './limits.ts'
import type { RemotePeer } from './mesh.ts'

/**
 * How a link ended. `retired`: both sides said FIN, nothing was lost. `left`: the other side said
 * that it stops. `broken`: it ended without a word. `dropped`: this side had enough of it.
 */
export type Gone = 'retired' | 'left' | 'broken' | 'dropped'

/** Who uses an open link. */
export interface LinkOwner {
  /** Throws WireError when the frame is not valid: the link is dropped. */
  onFrame(link: MeshLink, frame: Uint8Array): void
  onWritable(link: MeshLink): void
  /** The other side sends nothing more on this link, and waits for this side to say the same. */
  onFin(link: MeshLink): void
  onGone(link: MeshLink, how: Gone): void
}

/** The mesh, as a link sees it. */
export interface Desk {
  readonly clock: Clock
  readonly counts: MeshCounts
  hello(): Uint8Array
  /** What the other's hello proves; throws AtollError. */
  examine(peer: PeerId, hello: Uint8Array): RemotePeer
  /** Gives the link its owner. */
  onGreeted(link: MeshLink, remote: RemotePeer): LinkOwner
  onGreetingFailed(link: MeshLink, error: AtollError): void
  /** An open link was refused by the other side, or its frames made no sense. */
  onDropped(link: MeshLink, error: AtollError): void
}

export class MeshLink implements LinkHandler {
  readonly peer: PeerId
  readonly inbound: boolean
  readonly trafficClass: TrafficClass
  readonly #link: Link
  readonly #desk: Desk
  readonly #traffic: Traffic
  #phase: 'greeting' | 'open' | 'gone' = 'greeting'
  #owner: LinkOwner | null = null
  #timer: Timer | null = null
  /** False between a `send` that returned false and `onDrain`. */
  #writable = true
  #finSent = false
  #finReceived: number | null = null
  remote: RemotePeer | null = null
  openedAtMs = 0

  constructor(link: Link, desk: Desk) {
    this.peer = link.peer
    this.inbound = link.inbound
    this.trafficClass = link.trafficClass
    this.#link = link
    this.#desk = desk
    this.#traffic = desk.counts.traffic[link.trafficClass]
  }

  /** In the turn in which the link was handed over. */
  start(): void {
    this.#link.open(this)
    this.#timer = this.#desk.clock.after(HELLO_TIMEOUT_MS, () => {
      this.#failGreeting(unreachable(this.peer, 'accepted a connection and said no hello'))
    })
    if (!this.inbound) this.#write(this.#desk.hello())
  }

  /** Open, and neither side has said FIN. */
  get usable(): boolean {
    return this.#phase === 'open' && !this.#finSent && this.#finReceived === null
  }

  /** The other side wants to end it in good order. */
  get retiring(): boolean {
    return this.#phase === 'open' && !this.#finSent && this.#finReceived === FIN.SUPERSEDED
  }

  get writable(): boolean {
    return this.usable && this.#writable
  }

  send(frame: Uint8Array): void {
    this.#writable = this.#write(frame)
  }

  #write(frame: Uint8Array): boolean {
    this.#traffic.framesSent++
    this.#traffic.bytesSent += frame.length
    return this.#link.send(frame)
  }

  /** Says that nothing more comes, and waits for the other side to say the same. */
  retire(why: number): void {
    if (this.#phase !== 'open' || this.#finSent) return
    this.#finSent = true
    this.#write(Uint8Array.of(FRAME.FIN, why))
    if (this.#finReceived !== null) return this.#endInOrder()
    this.#timer = this.#desk.clock.after(RETIRE_TIMEOUT_MS, () => this.drop())
  }

  /** Closes at once; what was under way is lost. */
  drop(): void {
    if (this.#phase === 'greeting') {
      this.#failGreeting(unreachable(this.peer, 'is not wanted any more'))
      return
    }
    this.#end('dropped', () => this.#link.abort())
  }

  /** Says why, then closes. */
  refuse(error: AtollError): void {
    if (this.#phase === 'gone') return
    this.#write(encodeRefusal(error))
    if (this.#phase === 'greeting') this.#failGreeting(error, 'close')
    else this.#end('dropped', () => this.#link.close())
  }

  /** The node stops amid the greeting. */
  giveUp(): void {
    if (this.#phase !== 'greeting') return
    // Whoever has our hello may have opened the link already, and would take it for broken.
    if (!this.inbound) this.#write(Uint8Array.of(FRAME.FIN, FIN.STOPPING))
    this.#phase = 'gone'
    this.#timer?.cancel()
    this.#link.close()
  }

  onFrame(frame: Uint8Array): void {
    this.#traffic.framesReceived++
    this.#traffic.bytesReceived += frame.length
    if (this.#phase === 'greeting') return this.#onGreeting(frame)
    if (this.#phase === 'gone') return
    try {
      this.#onOpenFrame(frame)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      const why = `${this.peer} sent a frame that makes no sense: ${error.message}`
      this.#desk.onDropped(this, new AtollError('DENIED', why, { cause: error }))
      this.drop()
    }
  }

  onDrain(): void {
    this.#writable = true
    if (this.usable) this.#owner?.onWritable(this)
  }

  onClose(_reason: CloseReason): void {
    if (this.#phase === 'greeting') {
      this.#failGreeting(unreachable(this.peer, 'closed the connection without a hello'), 'none')
      return
    }
    this.#end(this.#finReceived === FIN.STOPPING ? 'left' : 'broken', () => undefined)
  }

  #onGreeting(frame: Uint8Array): void {
    if (frame[0] === FRAME.REFUSAL) return this.#onRefusedGreeting(frame)
    let remote: RemotePeer
    try {
      remote = this.#desk.examine(this.peer, frame)
    } catch (error) {
      if (!(error instanceof AtollError)) throw error
      this.#write(encodeRefusal(error))
      this.#failGreeting(error, 'close')
      return
    }
    this.#timer?.cancel()
    this.#phase = 'open'
    this.#traffic.links++
    this.remote = remote
    this.openedAtMs = this.#desk.clock.monotonicMs()
    if (this.inbound) this.#writable = this.#write(this.#desk.hello())
    this.#owner = this.#desk.onGreeted(this, remote)
    // Only now: the owner is asked to send as soon as it knows the link.
    if (this.writable) this.#owner.onWritable(this)
  }

  #onRefusedGreeting(frame: Uint8Array): void {
    let error: AtollError
    try {
      const told = asTold(decodeRefusal(frame))
      error = new AtollError(told.code, `refused by ${this.peer}: ${told.message}`, {
        cause: told,
        hint: told.hint ?? 'see the log of the other daemon',
      })
    } catch {
      error = unreachable(this.peer, 'refused without a reason')
    }
    this.#failGreeting(error)
  }

  #onOpenFrame(frame: Uint8Array): void {
    switch (frame[0]) {
      case FRAME.FIN:
        return this.#onFin(frame[1] ?? FIN.SUPERSEDED)
      case FRAME.REFUSAL:
        this.#desk.onDropped(this, decodeRefusal(frame))
        return this.drop()
      case FRAME.HELLO:
        throw new WireError('a second hello')
      default:
        if (this.#finReceived !== null) throw new WireError('a frame after the last one')
        this.#owner?.onFrame(this, frame)
    }
  }

  #onFin(why: number): void {
    if (this.#finReceived !== null) throw new WireError('a second FIN')
    this.#finReceived = why
    if (this.#finSent) return this.#endInOrder()
    this.#owner?.onFin(this)
    // A stopping peer waits for this word alone: what it has not answered by now it never will.
    if (why === FIN.STOPPING) this.retire(FIN.SUPERSEDED)
  }

  /** Both sides have said FIN. */
  #endInOrder(): void {
    const how = this.#finReceived === FIN.STOPPING ? 'left' : 'retired'
    this.#end(how, () => this.#link.close())
  }

  #failGreeting(error: AtollError, how: 'abort' | 'close' | 'none' = 'abort'): void {
    if (this.#phase === 'gone') return
    this.#phase = 'gone'
    this.#timer?.cancel()
    if (how === 'abort') this.#link.abort()
    if (how === 'close') this.#link.close()
    this.#desk.onGreetingFailed(this, error)
  }

  #end(how: Gone, shut: () => void): void {
    if (this.#phase === 'gone') return
    this.#phase = 'gone'
    this.#traffic.links--
    this.#desk.counts.linksEnded[how]++
    this.#timer?.cancel()
    shut()
    this.#owner?.onGone(this, how)
  }
}

function unreachable(peer: PeerId, what: string): AtollError {
  return new AtollError('UNREACHABLE', `${peer} ${what}`)
}
