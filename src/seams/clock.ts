/** Time, as a node may know it. Durations come from `monotonicMs`, dates from `wallMs`. */

export interface Timer {
  /** Idempotent; a cancelled timer never runs. */
  cancel(): void
}

export interface Clock {
  /** Milliseconds since some fixed point; never goes back, does not jump with the wall clock. */
  monotonicMs(): number
  /** Whole milliseconds since 1970 as this machine believes; may jump either way. */
  wallMs(): number
  /** Runs once after at least `delayMs`. A pending timer does not keep a process alive. */
  after(delayMs: number, run: () => void): Timer
  /** Runs once after the current turn of the event loop and its promises: where batches are cut. */
  soon(run: () => void): Timer
}

/** Resolves after the current turn of the event loop. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.soon(resolve)
  })
}

/** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
