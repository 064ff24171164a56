/** What callers give with a call, checked; each throws AtollError USAGE. */
import { checkedDeadline } from '../base/call-limits.ts'
import { AtollError } from '../base/errors.ts'
import { WireError } from '../wire/codec.ts'
import type { CallOptions } from './api.ts'
import { type CallLimits, isLevel } from './calls.ts'
import { TTL_MS_MAX } from './limits.ts'
import { type Context, contextOfText } from './version-vector.ts'

export function limitsOf(options: CallOptions, level?: CallLimits['level']): CallLimits {
  const deadlineMs = checkedDeadline(options.deadlineMs)
  if (!isLevel(level)) {
    throw new AtollError('USAGE', `"${String(level)}" is no level: one, quorum or all`)
  }
  return { level, deadlineMs, signal: options.signal }
}

export function contextOf(given: string, key: string): Context {
  try {
    return contextOfText(given, key)
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause
    throw new AtollError('USAGE', `"${given.slice(0, 40)}" is no context of "${key}"`, {
      hint: 'give back the context that a read or write of this key returned, unchanged',
    })
  }
}

/** 0: none. */
export function checkedTtl(ttlMs: number | undefined): number {
  if (ttlMs === undefined) return 0
  if (Number.isInteger(ttlMs) && ttlMs > 0 && ttlMs <= TTL_MS_MAX) return ttlMs
  throw new AtollError('USAGE', `ttlMs is a whole number from 1 to ${TTL_MS_MAX}`)
}

export function checkedDelta(delta: unknown): number {
  if (typeof delta === 'number' && Number.isSafeInteger(delta)) return delta
  throw new AtollError('USAGE', 'a counter counts in whole numbers of at most 53 bits')
}
