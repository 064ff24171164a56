/** What membership has counted since it was made; read by metrics.ts. */
import { Histogram, LATENCY_SECONDS } from '../base/histogram.ts'

export class SwimCounts {
  probes = 0
  /** Direct pings of probes without an answer in time; others were asked then. */
  acksMissed = 0
  /** Probes that nobody answered, while this process was well. */
  probesFailed = 0
  suspicions = 0
  deaths = 0
  /** Of this member, by itself. */
  refutations = 0
  standstills = 0
  messagesSent = 0
  messagesReceived = 0
  bytesSent = 0
  bytesReceived = 0
  /** Messages that made no sense. */
  messagesBad = 0
  exchanges = 0
  exchangesFailed = 0
  /** From a ping to the ack of its own target. */
  readonly ackSeconds = new Histogram(LATENCY_SECONDS)
  /** How late a due timer ran: the lag of this process's event loop. */
  readonly lateSeconds = new Histogram(LATENCY_SECONDS)
}
