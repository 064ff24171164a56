/**
 * The knobs of SWIM, in three profiles, and the formulas of the knobs that depend on the size of
 * the group. Times are milliseconds. Values follow memberlist's, whose behaviour is well known;
 * what each one is for stands beside it.
 *
 * Sources: SWIM (Das, Gupta, Motivala, DSN 2002) §3–4; Lifeguard (Dadgar, Phillips, Currey,
 * arXiv 1707.00788) §4.
 */
export interface SwimProfile {
  /** Protocol period: one random member is probed in each. SWIM §3.1, T′. */
  readonly periodMs: number
  /** How long a direct ping may take before others are asked to ping. At least a round trip. */
  readonly probeTimeoutMs: number
  /** Suspicion lasts at least this many periods, times log10 of the size. Lifeguard §4, α. */
  readonly suspicionMult: number
  /** Suspicion by one accuser alone lasts this many times the least one. Lifeguard §4, β. */
  readonly suspicionMaxMult: number
  /** Local health runs from 0 (good) to this number less one. Lifeguard §4, S. */
  readonly healthMax: number
  /** A rumour is sent this many times the number of digits of the size. SWIM §4.1, λ. */
  readonly transmitMult: number
  /** Members asked to ping in our stead. SWIM §3.1, k. */
  readonly indirectProbes: number
  /** Rumours leave this often between probes, to `gossipFanout` members each time. */
  readonly gossipMs: number
  readonly gossipFanout: number
  /** The dead hear rumours for this long, so that one that lives learns of its death. */
  readonly gossipToDeadMs: number
  /** States are exchanged whole this often up to 32 members; rarer in larger groups. */
  readonly pushPullMs: number
  /** Failed members are dialled again after this, then after twice as long, up to the largest. */
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
  /** The dead and the left leave the view after this. */
  readonly reapMs: number
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Machines of one site. */
export const LAN: SwimProfile = {
  periodMs: 1000,
  probeTimeoutMs: 500,
  suspicionMult: 4,
  suspicionMaxMult: 6,
  healthMax: 8,
  transmitMult: 4,
  indirectProbes: 3,
  gossipMs: 200,
  gossipFanout: 3,
  gossipToDeadMs: 30_000,
  pushPullMs: 30_000,
  reconnectMinMs: 1000,
  reconnectMaxMs: 30_000,
  reapMs: DAY_MS,
}

/** Sites apart. */
export const WAN: SwimProfile = {
  ...LAN,
  periodMs: 5000,
  probeTimeoutMs: 3000,
  suspicionMult: 6,
  gossipMs: 500,
  gossipFanout: 4,
  gossipToDeadMs: 60_000,
  pushPullMs: 60_000,
  reconnectMinMs: 3000,
  reconnectMaxMs: 60_000,
}

/** One machine: the throw-away clusters of `atoll dev` and of tests. */
export const LOCAL: SwimProfile = {
  ...LAN,
  probeTimeoutMs: 200,
  suspicionMult: 3,
  indirectProbes: 1,
  gossipMs: 100,
  gossipToDeadMs: 15_000,
  pushPullMs: 15_000,
}

/** How often one rumour is sent: transmitMult · ⌈log10(n + 1)⌉. SWIM §4.1: λ · log n. */
export function transmitLimit(transmitMult: number, size: number): number {
  return transmitMult * Math.ceil(Math.log10(size + 1))
}

/** From 33 members on, each doubling adds one interval, so that the whole group's cost stays even. */
export function pushPullIntervalMs(pushPullMs: number, size: number): number {
  return size <= 32 ? pushPullMs : pushPullMs * (Math.ceil(Math.log2(size) - 5) + 1)
}

/** A helper that has no answer says so at this part of the time-out. Lifeguard §4.1. */
export function nackAfterMs(probeTimeoutMs: number): number {
  return probeTimeoutMs * 0.8
}

/** A timer this late means that our own process stood still, and that what it missed proves nothing. */
export function lateAfterMs(probeTimeoutMs: number): number {
  return probeTimeoutMs / 5
}

/** `leave` tells everyone at once, again after the first, and gives up after the second. */
export const LEAVE_RETRY_MS = 150
export const LEAVE_MAX_MS = 500
