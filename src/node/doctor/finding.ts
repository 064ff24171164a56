/** What a check says. A check is a function of figures: gathering them is another's work. */
import type { Finding, Severity } from '../watch-api.ts'

const ORDER: Readonly<Record<Severity, number>> = { ok: 0, warn: 1, fail: 2 }

export function ok(check: string, seen: string): Finding {
  return { check, severity: 'ok', seen, fix: '' }
}

export function warn(check: string, seen: string, fix: string): Finding {
  return { check, severity: 'warn', seen, fix }
}

export function fail(check: string, seen: string, fix: string): Finding {
  return { check, severity: 'fail', seen, fix }
}

export function worst(findings: readonly Finding[]): Severity {
  return findings.reduce<Severity>(
    (least, { severity }) => (ORDER[severity] > ORDER[least] ? severity : least),
    'ok',
  )
}

const NAMES_MAX = 5

/** `a, b and 3 more` */
export function listed(names: readonly string[]): string {
  if (names.length <= NAMES_MAX) return names.join(', ')
  return `${names.slice(0, NAMES_MAX).join(', ')} and ${names.length - NAMES_MAX} more`
}

/** `0.4 ms`, `12 ms`, `3.5 s`, `12 min`, `2.0 h` */
export function time(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 600_000) return `${(ms / 1000).toFixed(1)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`
}

const GIB = 1024 ** 3

export function size(bytes: number): string {
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`
}
