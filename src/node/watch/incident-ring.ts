/**
 * The incidents of the last hours, in memory: a ring bounded by count and by bytes. Crowds of the
 * same kind become one incident that says how many they were, so that a storm of one kind does not
 * wash the others out; what is forgotten all the same is counted, never a silent hole.
 *
 * Time is the monotonic clock's; it is shown on the wall clock as that goes when it is shown, so that
 * a wall clock that was set in between does not put things out of order.
 */
import type { Clock } from '../../seams/clock.ts'
import type { LogFields, LogLevel } from '../../seams/log.ts'
import { unreachable } from '../../base/assert.ts'
import type { Incident, Timeline } from '../watch-api.ts'
import type { IncidentRule } from './incident-events.ts'

/** Days of a quiet cluster, hours of a restless one. */
export const INCIDENTS_MAX = 4096
export const INCIDENT_BYTES_MAX = 1024 * 1024
/** Longer texts in the details are cut. */
export const DETAIL_TEXT_MAX = 200
/** Incidents that are alike and closer than this are told as one. */
export const MERGE_MS = 10_000
/** The rest of an incident, roughly. */
const OVERHEAD_BYTES = 200

type Detail = Incident['detail']

interface Entry {
  readonly seq: number
  readonly key: string
  readonly atMs: number
  untilMs: number
  times: number
  level: LogLevel
  readonly event: string
  readonly rule: IncidentRule
  readonly subject: string
  detail: Detail
  bytes: number
}

export class IncidentRing {
  readonly #clock: Clock
  readonly #startedMs: number
  /** In order of `seq`; those before `#first` are forgotten. */
  #entries: Entry[] = []
  #first = 0
  #bytes = 0
  #nextSeq = 1
  /** The newest of each kind that may grow; entries of the ring, so bounded with it. */
  readonly #growing = new Map<string, Entry>()
  #forgotten: { count: number; untilMs: number } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedMs = clock.monotonicMs()
  }

  get size(): number {
    return this.#entries.length - this.#first
  }

  get bytes(): number {
    return this.#bytes
  }

  add(rule: IncidentRule, level: LogLevel, event: string, fields: LogFields = {}): void {
    const nowMs = this.#clock.monotonicMs()
    const { subject, detail } = split(rule, fields)
    const key = `${event} ${subject}`
    const growing = this.#growing.get(key)
    if (growing !== undefined && this.#mayGrow(growing, nowMs)) {
      this.#grow(growing, level, detail, nowMs)
    } else {
      const bytes = sizeOf(subject, detail)
      const entry: Entry = {
        seq: this.#nextSeq++,
        key,
        atMs: nowMs - lastedMs(rule, detail),
        untilMs: nowMs,
        times: 1,
        level,
        event,
        rule,
        subject,
        detail,
        bytes,
      }
      this.#entries.push(entry)
      this.#bytes += bytes
      if (rule.merges !== undefined) this.#growing.set(key, entry)
    }
    while (this.#isOverfull) this.#forgetOldest()
  }

  get #isOverfull(): boolean {
    if (this.size === 0) return false
    return this.size > INCIDENTS_MAX || this.#bytes > INCIDENT_BYTES_MAX
  }

  /** What touches the last `sinceMs` milliseconds; all that is known when absent. */
  show(name: string, sinceMs = Number.POSITIVE_INFINITY): Timeline {
    const nowMs = this.#clock.monotonicMs()
    const wallMs = this.#clock.wallMs() - nowMs
    const fromMs = Math.max(this.#startedMs, nowMs - sinceMs)
    const lost = this.#forgotten
    const onWall = (ms: number): number => Math.round(wallMs + ms)
    return {
      name,
      fromMs: onWall(fromMs),
      toMs: onWall(nowMs),
      lost:
        lost === null || lost.untilMs < fromMs
          ? null
          : { count: lost.count, untilMs: onWall(lost.untilMs) },
      incidents: this.#entries
        .slice(this.#first)
        .filter(({ untilMs }) => untilMs >= fromMs)
        .map(({ seq, atMs, untilMs, times, rule, level, event, subject, detail }) => ({
          seq,
          atMs: onWall(atMs),
          untilMs: onWall(untilMs),
          times,
          lane: rule.lane,
          level,
          event,
          subject,
          detail,
        })),
    }
  }

  #mayGrow(entry: Entry, nowMs: number): boolean {
    const isNext = entry.rule.merges === 'any' || entry === this.#entries.at(-1)
    return isNext && nowMs - entry.untilMs < MERGE_MS
  }

  #grow(entry: Entry, level: LogLevel, detail: Detail, nowMs: number): void {
    entry.untilMs = nowMs
    entry.times++
    if (level === 'error') entry.level = level
    entry.detail = merged(entry.detail, detail)
    const bytes = sizeOf(entry.subject, entry.detail)
    this.#bytes += bytes - entry.bytes
    entry.bytes = bytes
  }

  #forgetOldest(): void {
    const oldest = this.#entries[this.#first]
    if (oldest === undefined) return
    this.#first++
    this.#bytes -= oldest.bytes
    if (this.#growing.get(oldest.key) === oldest) this.#growing.delete(oldest.key)
    const { count = 0, untilMs = 0 } = this.#forgotten ?? {}
    this.#forgotten = {
      count: count + oldest.times,
      untilMs: Math.max(untilMs, oldest.untilMs),
    }
    if (this.#first < INCIDENTS_MAX) return
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }
}

/** Nothing else happened meanwhile: the process stood still. */
function lastedMs({ lasted }: IncidentRule, detail: Detail): number {
  const ms = lasted === undefined ? 0 : detail[lasted]
  return typeof ms === 'number' ? ms : 0
}

function split(
  { subject }: IncidentRule,
  fields: LogFields,
): { readonly subject: string; readonly detail: Detail } {
  const detail: Record<string, Detail[string]> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || name === subject) continue
    detail[name] = cut(value)
  }
  const named = subject === undefined ? '' : fields[subject]
  return { subject: cut(String(named ?? '')) as string, detail }
}

function cut(value: Detail[string]): Detail[string] {
  switch (typeof value) {
    case 'string':
      return value.length <= DETAIL_TEXT_MAX ? value : `${value.slice(0, DETAIL_TEXT_MAX)}…`
    case 'number':
    case 'boolean':
    case 'object':
      return value
    default:
      return unreachable(value)
  }
}

/** Of a crowd: what it came from, the longest it took, and otherwise the last. */
function merged(before: Detail, after: Detail): Detail {
  const detail: Record<string, Detail[string]> = { ...after }
  for (const [name, value] of Object.entries(before)) {
    const now = after[name]
    const longer = name.endsWith('Ms') && typeof value === 'number' && typeof now === 'number'
    if (name === 'from') detail[name] = value
    else if (longer) detail[name] = Math.max(value, now)
  }
  return detail
}

function sizeOf(subject: string, detail: Detail): number {
  let units = OVERHEAD_BYTES + subject.length * 2
  for (const [name, value] of Object.entries(detail)) {
    units += 2 * (name.length + (typeof value === 'string' ? value.length : 8))
  }
  return units
}
