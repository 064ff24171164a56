/**
 * Clocks as real machines have them: the monotonic one starts with the process and drifts a
 * little; the wall clock is set by somebody and may be wrong, jump, or run at another speed.
 */
import type { Clock, Timer } from '../../src/seams/clock.ts'
import type { Kernel } from './kernel.ts'
import type { SimProcess } from './process.ts'

/** Virtual time 0 on a wall clock that is right. */
const EPOCH_MS = Date.UTC(2030, 0, 1)
/** What one turn of an event loop takes: what came due within it runs before `soon`. */
const TURN_US = 20

/** The clock chip of one machine; outlives its processes. */
export class HostClock {
  readonly #kernel: Kernel
  #wallOffsetMs = 0
  #wallRate = 1
  #wallSinceUs = 0
  /** Speed of the monotonic clock and of timers; 1 is right. Fixed while a process lives. */
  drift = 1

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  wallMs(): number {
    const elapsedMs = (this.#kernel.nowUs - this.#wallSinceUs) / 1000
    return EPOCH_MS + this.#wallSinceUs / 1000 + this.#wallOffsetMs + elapsedMs * this.#wallRate
  }

  /** Sets the wall clock forward, or back. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** Somebody sets it right. */
  reset(): void {
    this.#wallOffsetMs = 0
    this.#wallRate = 1
    this.#wallSinceUs = this.#kernel.nowUs
  }

  /** 2: the wall clock runs twice as fast as time. */
  setWallRate(rate: number): void {
    const wallMs = this.wallMs()
    this.#wallSinceUs = this.#kernel.nowUs
    this.#wallOffsetMs = wallMs - EPOCH_MS - this.#wallSinceUs / 1000
    this.#wallRate = rate
  }
}

export class SimClock implements Clock {
  readonly #kernel: Kernel
  readonly #process: SimProcess
  readonly #host: HostClock

  constructor(kernel: Kernel, process: SimProcess, host: HostClock) {
    this.#kernel = kernel
    this.#process = process
    this.#host = host
  }

  monotonicMs(): number {
    return ((this.#kernel.nowUs - this.#process.startedUs) / 1000) * this.#host.drift
  }

  wallMs(): number {
    return Math.floor(this.#host.wallMs())
  }

  after(delayMs: number, run: () => void): Timer {
    const delayUs = (Math.max(0, delayMs) * 1000) / this.#host.drift
    // One more, so that rounding never lets a timer run before its time on its own clock.
    return this.#arm('timer', Math.ceil(delayUs) + 1, run)
  }

  soon(run: () => void): Timer {
    return this.#arm('soon', TURN_US, run)
  }

  #arm(kind: 'timer' | 'soon', delayUs: number, run: () => void): Timer {
    const process = this.#process
    if (!process.alive) return { cancel: () => undefined }
    let armed = true
    process.pendingTimers++
    const event = this.#kernel.schedule(process, delayUs, kind, () => {
      armed = false
      process.pendingTimers--
      run()
    })
    return {
      cancel: () => {
        if (!armed) return
        armed = false
        process.pendingTimers--
        this.#kernel.cancel(event)
      },
    }
  }
}
