/** What the registers have counted since they were made; read by metrics.ts. */
import { CallCounts } from '../base/call-counts.ts'
import type { Log } from '../seams/log.ts'
import { Refusals } from '../topology/refusals.ts'

export const CALLS = ['get', 'set', 'del', 'incr', 'ls'] as const
export type CallKind = (typeof CALLS)[number]

/** What a replica refuses that nobody should ask. */
export const REFUSED = [
  'far-future',
  'not-a-member',
  'not-held',
  'unknown-topology',
  'malformed',
] as const
export type Refused = (typeof REFUSED)[number]

export class RegisterCounts {
  readonly refusals: Refusals<Refused>
  readonly calls: Readonly<Record<CallKind, CallCounts>> = {
    get: new CallCounts(),
    set: new CallCounts(),
    del: new CallCounts(),
    incr: new CallCounts(),
    ls: new CallCounts(),
  }
  /** Ballots that chose something, by the rounds that they took. */
  chosenInOne = 0
  chosenInTwo = 0
  /** Rounds that came to nothing, by why. */
  rejected = 0
  stale = 0
  few = 0
  /** Reads that one round settled, and those that found the replicas divided. */
  readsAgreed = 0
  readsDivided = 0
  /** Operations handed to another node, and those of them that were not answered soon. */
  handedOn = 0
  handedOnLate = 0
  /** Registers brought into a new configuration from here. */
  broughtOver = 0
  /** Registers brought to a replica that had missed them. */
  repaired = 0
  /** Times that upkeep failed with a register and went on with the others. */
  passedOver = 0
  /** Deleted registers that were forgotten. */
  forgotten = 0

  constructor(log: Log) {
    this.refusals = new Refusals(REFUSED, (refusal) =>
      log.write('warn', 'paxos.refused', { ...refusal }),
    )
  }
}
