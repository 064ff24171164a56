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

/** The process, as far as its memory is concerned. */
export interface MemoryUse {
  /** Share of the time since the last call in which the event loop worked. */
  busyShare(): number
  heldBytes(): number
  collect(): void
}

/** Returns the function that ends it. Its timer keeps no process alive. */
export function collectWhenIdle(use = memoryOfProcess(), checkMs = CHECK_MS): () => void {
  let kept = 0
  const timer = setInterval(() => {
    if (use.busyShare() > IDLE_SHARE || use.heldBytes() < kept + GROWTH_BYTES) return
    use.collect()
    kept = use.heldBytes()
  }, checkMs)
  timer.unref()
  return () => clearInterval(timer)
}

type Gc = (options: { type: 'major'; flavor: 'last-resort' }) => void

export function memoryOfProcess(): MemoryUse {
  const gc = collector()
  let before = performance.eventLoopUtilization()
  return {
    busyShare: () => {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, before)
      before = now
      return utilization
    },
    heldBytes: () => {
      const { total_heap_size: heap, external_memory: external } = getHeapStatistics()
      return heap + external
    },
    collect: () => gc({ type: 'major', flavor: 'last-resort' }),
  }
}

/** V8 shows its collector only to contexts made while this flag is set. */
function collector(): Gc {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as Gc
  setFlagsFromString('--no-expose-gc')
  return gc
}
