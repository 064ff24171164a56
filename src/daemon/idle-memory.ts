/**
 * Gives memory back after work. V8 keeps the heap of the busiest moment as long as little is
 * allocated, which on an idle daemon is for ever. So a full collection is made when the event loop
 * has been nearly idle for a while and the heap has grown since the last one: a pause of some tens
 * of milliseconds, far below any time-out of the membership, at a moment when nobody waits.
 */
import { performance } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const CHECK_MS = 10_000
/** Share of the time that the event loop may have worked. */
const IDLE_SHARE = 0.1
const GROWTH_BYTES = 16 * 1024 * 1024

type Collect = (options: { type: 'major'; flavor: 'last-resort' }) => void

/** Returns the function that ends it. Its timer keeps no process alive. */
export function collectWhenIdle(): () => void {
  const collect = collector()
  let before = performance.eventLoopUtilization()
  let kept = 0
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    if (utilization > IDLE_SHARE || heldBytes() < kept + GROWTH_BYTES) return
    collect({ type: 'major', flavor: 'last-resort' })
    kept = heldBytes()
  }, CHECK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

function heldBytes(): number {
  const { total_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}

/** V8 shows its collector only to contexts made while this flag is set. */
function collector(): Collect {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  return collect
}
