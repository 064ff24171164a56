/** Read, change, write back on condition, until nobody was faster: one loop, embedded and remote. */
import { DEFAULT_DEADLINE_MS } from '../base/call-limits.ts'
import { AtollError, isAtollError } from '../base/errors.ts'
import type { Value } from '../base/value.ts'
import type { RegApi, RegCallOptions, RegRead } from './api.ts'

/** Rejects with TIMEOUT, outcome not-applied, when others were faster until time was over. */
export async function updateRegister(
  reg: Pick<RegApi, 'get' | 'set'>,
  nowMs: () => number,
  ...[key, change, options = {}]: Parameters<RegApi['update']>
): Promise<RegRead | null> {
  const { deadlineMs: wholeMs = DEFAULT_DEADLINE_MS } = options
  const endMs = nowMs() + wholeMs
  const timed = (): RegCallOptions => {
    const leftMs = endMs - nowMs()
    if (leftMs > 0) return { ...options, deadlineMs: Math.ceil(leftMs) }
    throw new AtollError('TIMEOUT', `"${key}" was not updated in ${wholeMs} ms`)
  }
  for (;;) {
    const before = await reg.get(key, timed())
    const value: Value | undefined = await change(before?.value ?? null)
    if (value === undefined) return before
    const condition = before === null ? { ifAbsent: true } : { ifVersion: before.version }
    try {
      const { version } = await reg.set(key, value, { ...timed(), ...condition })
      return { key, value, version }
    } catch (error) {
      if (!isAtollError(error, 'CONFLICT')) throw error
    }
  }
}
