/**
 * What members say to each other. Pings, acks and gossip carry rumours; facts travel on demand,
 * once for each version, since they may be large and change seldom.
 */
import type { PeerId } from '../base/ids.ts'
import type { Claim, MemberRecord } from './claim.ts'

export interface Ping {
  readonly kind: 'ping'
  readonly seq: number
  /** What is held against the pinged one comes first (Lifeguard §4.3, the buddy system). */
  readonly rumours: readonly Claim[]
}

/** Please ping `target` and tell me: SWIM §3.1. */
export interface PingReq {
  readonly kind: 'ping-req'
  readonly seq: number
  readonly target: PeerId
}

export interface Ack {
  readonly kind: 'ack'
  readonly seq: number
  readonly rumours: readonly Claim[]
}

/** I did ask, and have no answer yet: so the silence is not yours (Lifeguard §4.1). */
export interface Nack {
  readonly kind: 'nack'
  readonly seq: number
}

export interface Gossip {
  readonly kind: 'gossip'
  readonly rumours: readonly Claim[]
}

/** I heard of these members and lack the facts. */
export interface Want {
  readonly kind: 'want'
  readonly ids: readonly PeerId[]
}

export interface Facts {
  readonly kind: 'facts'
  readonly records: readonly MemberRecord[]
}

export type SwimMessage = Ping | PingReq | Ack | Nack | Gossip | Want | Facts

/** Both halves of a state exchange: all that is believed, and facts that the other seems to lack. */
export interface PushPull {
  readonly claims: readonly Claim[]
  readonly records: readonly MemberRecord[]
}
