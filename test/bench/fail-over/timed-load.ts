/**
 * Several operations at a fixed rate each, whatever their answers do, with the times of every
 * single one. An operation that fails is not tried again: that is the client's business.
 */
import { type LoadClock, SYSTEM_LOAD_CLOCK } from '../harness/load.ts'
import type { Operation } from '../harness/section.ts'
import type { Timed } from './series.ts'

export interface TimedLoad {
  readonly perSecond: number
  readonly seconds: number
  /** How long after the last was sent answers are waited for. */
  readonly graceMs: number
}

/** One series for each operation, in their order. Holds perSecond · seconds entries for each. */
export async function timedLoad(
  operations: readonly Operation[],
  { perSecond, seconds, graceMs }: TimedLoad,
  clock: LoadClock = SYSTEM_LOAD_CLOCK,
): Promise<Timed[][]> {
  const startMs = clock.nowMs()
  const total = Math.round(perSecond * seconds)
  const series = operations.map((): Timed[] => [])
  const waiting = operations.map(() => new Map<number, number>())
  const end = (of: number, i: number, failure: string | null) => {
    const intendedMs = waiting[of]?.get(i)
    // Given up already: it has been counted.
    if (intendedMs === undefined) return
    waiting[of]?.delete(i)
    series[of]?.push({ intendedMs, doneMs: clock.nowMs() - startMs, failure })
  }
  const send = async (operation: Operation, of: number, i: number): Promise<void> => {
    try {
      await operation(i)
      end(of, i, null)
    } catch (error) {
      end(of, i, error instanceof Error ? error.message : String(error))
    }
  }
  const sent: Promise<void>[] = []
  for (let i = 0; i < total; ) {
    const intendedMs = (i * 1000) / perSecond
    if (clock.nowMs() - startMs < intendedMs) {
      await clock.pause(1)
      continue
    }
    for (const [of, operation] of operations.entries()) {
      waiting[of]?.set(i, intendedMs)
      sent.push(send(operation, of, i))
    }
    i++
  }
  const giveUpMs = clock.nowMs() + graceMs
  const open = () => waiting.some(({ size }) => size > 0)
  while (open() && clock.nowMs() < giveUpMs) await clock.pause(1)
  for (const [of, each] of waiting.entries()) for (const i of each.keys()) end(of, i, 'no answer')
  return series
}
