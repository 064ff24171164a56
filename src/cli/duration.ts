/** Durations as people write them, and as they read them. */
import { AtollError } from '../base/errors.ts'

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `250ms`, `15s`, `1h`, `1h30m`: milliseconds. Throws USAGE. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  const read = parts.map(([part]) => part).join('')
  const total = parts.reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS_MS[unit ?? ''] ?? 0), 0)
  if (read !== text || text === '' || !Number.isSafeInteger(Math.round(total))) {
    throw new AtollError('USAGE', `"${text}" is no duration, such as 2s, 500ms or 1h30m`)
  }
  if (total < 1) throw new AtollError('USAGE', `"${text}" is too short: 1ms is the least`)
  return Math.round(total)
}

/** Two units at most: `1h 5m`, `3.2 s`, `12 ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes}m ${Math.floor((ms % 60_000) / 1000)}s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours}h ${minutes % 60}m`
  return `${Math.floor(hours / 24)}d ${hours % 24}h`
}
