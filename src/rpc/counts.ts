/** What the server has counted since it was made; read by metrics.ts. */
import { Histogram, LATENCY_SECONDS } from '../base/histogram.ts'

export class RpcCounts {
  accepted = 0
  /** Connections turned away: too many, or the daemon is stopping. */
  turnedAway = 0
  /** Clients given up because they did not read. */
  slow = 0
  /** Events that subscribers missed because they did not read. */
  eventsMissed = 0
  /** Time of calls by method; bounded by the table of methods. */
  readonly calls = new Map<string, Histogram>()
  /** Subscriptions begun by method; bounded by the table of methods. */
  readonly watches = new Map<string, number>()
  /** By code; bounded by the codes. */
  readonly errors = new Map<string, number>()

  call(method: string, seconds: number): void {
    let histogram = this.calls.get(method)
    if (histogram === undefined) {
      histogram = new Histogram(LATENCY_SECONDS)
      this.calls.set(method, histogram)
    }
    histogram.observe(seconds)
  }

  watch(method: string): void {
    this.watches.set(method, (this.watches.get(method) ?? 0) + 1)
  }

  error(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
  }
}
