/**
 * A claim: what somebody says of a member, and the order in which claims beat each other.
 *
 * The order is total for each member, by incarnation and then alive < suspect < dead < left.
 * Taking the greater of two claims is commutative, associative and idempotent, so members that
 * have heard the same claims hold the same, whatever order they heard them in (SWIM §4.2). A member
 * once called dead is alive again only by a higher incarnation, and only the owner makes those.
 *
 * Deviation from SWIM: there, "confirm" beats everything for ever. Here a returning process, and
 * one that was cut off for longer than any time-out, comes back with a higher incarnation.
 */
import type { PeerId, StorageId } from '../base/ids.ts'
import { BOOT_MAX, INCARNATION_MAX } from './limits.ts'
import type { MemberFacts, MemberState } from './member.ts'

export interface Accusation {
  readonly by: PeerId
  /** The accuser met a closed port or another process, not mere silence. */
  readonly strong: boolean
}

export interface Claim {
  readonly id: PeerId
  readonly state: MemberState
  readonly incarnation: number
  /** Incarnation at which the owner last changed its facts. Never above `incarnation`. */
  readonly version: number
  /** Whose disk is meant: a wiped one starts with the numbers that its forerunner started with. */
  readonly storageId: StorageId
  /** Who suspects; empty unless the state is `suspect`. */
  readonly accusations: readonly Accusation[]
}

/** A claim with the facts of its version. */
export interface MemberRecord {
  readonly claim: Claim
  readonly facts: MemberFacts
}

const RANK: Readonly<Record<MemberState, number>> = { alive: 0, suspect: 1, dead: 2, left: 3 }

type Standing = Pick<Claim, 'state' | 'incarnation'>

/** Positive when `a` beats `b`. */
export function compareClaims(a: Standing, b: Standing): number {
  return a.incarnation - b.incarnation || RANK[a.state] - RANK[b.state]
}

/** Refutations that fit between two starts of a process. */
const PER_BOOT = 2 ** 20

/**
 * Where a process starts to count. The boot number is durable and grows with every start, so
 * this lies above every incarnation of an earlier process of the same disk, without a write per
 * refutation. A wiped disk under the same key starts low; it hears the old claim and refutes it.
 */
export function firstIncarnation(boot: number): number {
  return Math.min(boot, BOOT_MAX) * PER_BOOT
}

/** Above both: the owner's answer to an accusation. */
export function refutation(own: number, accused: number): number {
  return Math.min(Math.max(own, accused) + 1, INCARNATION_MAX)
}

export function isUp(state: MemberState): boolean {
  return state === 'alive' || state === 'suspect'
}
