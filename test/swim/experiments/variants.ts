/**
 * SWIM with and without each part of Lifeguard, and with the parts of our own beyond it.
 *
 * The product has no switch for any of this. Two parts are switched by what the papers call
 * parameters: local health that counts to S = 1 never leaves 0, and a suspicion whose longest time is
 * β = 1 times its least does not wait for confirmations. For the others one line of source is changed
 * as it is loaded, as the mutants of the tests are: knobs that exist for an experiment alone would
 * have to be tested, documented and kept for ever.
 */
import type { SwimProfile } from '../../../src/swim/parameters.ts'
import { LAN } from '../../../src/swim/parameters.ts'
import { Swim } from '../../../src/swim/swim.ts'
import type { Mutation } from '../../mutate.ts'
import { importMutant } from '../../mutate.ts'

export interface Parts {
  /** Period and time-out of probes grow with the local health score. Lifeguard §4.1. */
  readonly lhaProbe: boolean
  /** Suspicions start long and shrink with each confirmation. Lifeguard §4.2. */
  readonly lhaSuspicion: boolean
  /** The suspect hears of its suspicion with the next message to it. Lifeguard §4.3. */
  readonly buddy: boolean
  /** Ours: what a process missed while it stood still proves nothing. */
  readonly standstill: boolean
}

export interface Variant {
  readonly name: string
  readonly parts: Parts
  /** suspicionMult. */
  readonly alpha: number
}

const NONE: Parts = { lhaProbe: false, lhaSuspicion: false, buddy: false, standstill: false }
const LIFEGUARD: Parts = { ...NONE, lhaProbe: true, lhaSuspicion: true, buddy: true }
const ATOLL: Parts = { ...LIFEGUARD, standstill: true }

/** The five of the paper with its α = 5, then ours: with the same α, and with that of the LAN profile. */
export const VARIANTS: readonly Variant[] = [
  { name: 'SWIM', parts: NONE, alpha: 5 },
  { name: 'LHA-Probe', parts: { ...NONE, lhaProbe: true }, alpha: 5 },
  { name: 'LHA-Suspicion', parts: { ...NONE, lhaSuspicion: true }, alpha: 5 },
  { name: 'Buddy System', parts: { ...NONE, buddy: true }, alpha: 5 },
  { name: 'Lifeguard', parts: LIFEGUARD, alpha: 5 },
  { name: 'Lifeguard, α = 4', parts: LIFEGUARD, alpha: 4 },
  { name: 'atoll, α = 5', parts: ATOLL, alpha: 5 },
  { name: 'atoll', parts: ATOLL, alpha: LAN.suspicionMult },
]

export function variant(name: string): Variant {
  const found = VARIANTS.find((each) => each.name === name)
  if (found === undefined) throw new RangeError(`no variant ${name}`)
  return found
}

/** β and S of the papers are the LAN profile's: 6 and 8. */
export function profileOf({ parts, alpha }: Variant): SwimProfile {
  return {
    ...LAN,
    suspicionMult: alpha,
    suspicionMaxMult: parts.lhaSuspicion ? LAN.suspicionMaxMult : 1,
    healthMax: parts.lhaProbe ? LAN.healthMax : 1,
  }
}

const WITHOUT_BUDDY: Mutation = {
  file: 'swim/beliefs.ts',
  from: "if (held === undefined || held.member.state === 'alive') {",
  to: "if (held === undefined || held.member.state !== 'dead') {",
}
const WITHOUT_STANDSTILL: Mutation = {
  file: 'swim/failure-detector.ts',
  from: 'if (!(lateMs > lateAfterMs(profile.probeTimeoutMs))) return',
  to: 'if (lateMs !== null) return',
}

/** The core with these parts. */
export async function coreOf({ parts }: Variant): Promise<typeof Swim> {
  const mutations = [
    ...(parts.buddy ? [] : [WITHOUT_BUDDY]),
    ...(parts.standstill ? [] : [WITHOUT_STANDSTILL]),
  ]
  if (mutations.length === 0) return Swim
  const entry = 'src/swim/swim.ts'
  return (await importMutant<{ Swim: typeof Swim }>(entry, mutations)).Swim
}
