/** Names of what the registers count; see base/metrics.ts. */
import { OUTCOMES } from '../base/call-counts.ts'
import type { Metrics } from '../base/metrics.ts'
import { CALLS, REFUSED, type RegisterCounts } from './counts.ts'

/** What is only known by looking. */
export interface RegisterLevels {
  readonly counts: RegisterCounts
  readonly waiting: number
  readonly watchedKeys: number
}

export function declareRegisterMetrics(metrics: Metrics, registers: RegisterLevels): void {
  const { counts } = registers
  metrics.counters(
    'atoll_registers_calls_total',
    'Calls of this daemon, by how they ended.',
    ['call', 'outcome'],
    () =>
      CALLS.flatMap((call) =>
        OUTCOMES.map((outcome) => [counts.calls[call].outcomes[outcome], call, outcome] as const),
      ),
  )
  metrics.histograms(
    'atoll_registers_call_seconds',
    'Time of those calls, however they ended.',
    ['call'],
    () => CALLS.map((call) => [counts.calls[call].seconds, call]),
  )
  metrics.counters(
    'atoll_registers_ballots_total',
    'Ballots proposed here: chosen in so many rounds, or why they were lost.',
    ['result'],
    () => [
      [counts.chosenInOne, 'one-round'],
      [counts.chosenInTwo, 'two-rounds'],
      [counts.rejected, 'rejected'],
      [counts.stale, 'stale'],
      [counts.few, 'few'],
    ],
  )
  metrics.counters(
    'atoll_registers_reads_total',
    'Rounds of linearizable reads: a majority agreed, or the replicas were divided.',
    ['result'],
    () => [
      [counts.readsAgreed, 'agreed'],
      [counts.readsDivided, 'divided'],
    ],
  )
  metrics.counters(
    'atoll_registers_refused_total',
    'Requests of peers to this replica that nobody should make, by why they were refused.',
    ['reason'],
    () => REFUSED.map((reason) => [counts.refusals.counts[reason], reason]),
  )
  metrics.counter(
    'atoll_registers_handed_on_total',
    'Operations handed to another node to propose.',
    () => counts.handedOn,
  )
  metrics.counter(
    'atoll_registers_handed_on_late_total',
    'Those of them that were not answered within 300 ms and tried elsewhere.',
    () => counts.handedOnLate,
  )
  metrics.gauge(
    'atoll_registers_waiting',
    'Operations that wait for their ballot here, or are in it.',
    () => registers.waiting,
  )
  metrics.gauge(
    'atoll_registers_watched_keys',
    'Keys that callers of this daemon watch.',
    () => registers.watchedKeys,
  )
  metrics.counters(
    'atoll_registers_upkeep_total',
    'Registers moved to a new configuration, repaired, passed over, or forgotten after deletion.',
    ['work'],
    () => [
      [counts.broughtOver, 'moved'],
      [counts.repaired, 'repaired'],
      [counts.passedOver, 'passed-over'],
      [counts.forgotten, 'forgotten'],
    ],
  )
}
