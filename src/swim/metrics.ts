/** Names of what membership counts; see base/metrics.ts. */
import type { Metrics } from '../base/metrics.ts'
import type { SwimMembership } from './membership.ts'
import type { MemberState } from './member.ts'

const STATES: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left']

export function declareSwimMetrics(metrics: Metrics, membership: SwimMembership): void {
  const { counts } = membership
  metrics.gauges('atoll_swim_members', 'Members in view, this one included.', ['state'], () => {
    const members = membership.members()
    return STATES.map((state) => [members.filter((each) => each.state === state).length, state])
  })
  metrics.gauge(
    'atoll_swim_local_health',
    'How little this daemon trusts its own view: 0 is good, 7 is bad.',
    () => membership.health,
  )
  metrics.counter('atoll_swim_probes_total', 'Probes begun.', () => counts.probes)
  metrics.counter(
    'atoll_swim_acks_missed_total',
    'Probes whose target did not answer the direct ping in time.',
    () => counts.acksMissed,
  )
  metrics.counter(
    'atoll_swim_probes_failed_total',
    'Probes that nobody answered, directly or through others.',
    () => counts.probesFailed,
  )
  metrics.histogram(
    'atoll_swim_ack_seconds',
    'From the ping of a probe to the ack of its target.',
    counts.ackSeconds,
  )
  metrics.counter(
    'atoll_swim_suspicions_total',
    'Times that a member became suspect here, whoever accused it.',
    () => counts.suspicions,
  )
  metrics.counter(
    'atoll_swim_deaths_total',
    'Times that a member became dead here.',
    () => counts.deaths,
  )
  metrics.counter(
    'atoll_swim_refutations_total',
    'Times that this daemon was called suspect or dead and refuted it.',
    () => counts.refutations,
  )
  metrics.counter(
    'atoll_swim_standstills_total',
    'Times that this process stood still so long that its verdicts were thrown away.',
    () => counts.standstills,
  )
  metrics.histogram(
    'atoll_swim_timer_lateness_seconds',
    'How late the timers of membership ran: the lag of the event loop.',
    counts.lateSeconds,
  )
  declareTraffic(metrics, membership)
}

function declareTraffic(metrics: Metrics, membership: SwimMembership): void {
  const { counts } = membership
  metrics.counter(
    'atoll_swim_messages_sent_total',
    'Gossip messages handed to the mesh.',
    () => counts.messagesSent,
  )
  metrics.counter(
    'atoll_swim_messages_received_total',
    'Gossip messages taken in, bad ones included.',
    () => counts.messagesReceived,
  )
  metrics.counter(
    'atoll_swim_messages_bad_total',
    'Gossip messages that made no sense and were dropped.',
    () => counts.messagesBad,
  )
  metrics.counter(
    'atoll_swim_sent_bytes_total',
    'Bytes of gossip messages sent.',
    () => counts.bytesSent,
  )
  metrics.counter(
    'atoll_swim_received_bytes_total',
    'Bytes of gossip messages received.',
    () => counts.bytesReceived,
  )
  metrics.gauge(
    'atoll_swim_rumours',
    'Rumours that are still being passed on.',
    () => membership.rumours,
  )
  metrics.counters(
    'atoll_swim_exchanges_total',
    'Full state exchanges begun here that have ended.',
    ['outcome'],
    () => [
      [counts.exchanges, 'ok'],
      [counts.exchangesFailed, 'failed'],
    ],
  )
}
