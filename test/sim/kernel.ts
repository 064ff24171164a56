/**
 * The kernel of the simulator: virtual time, and one thing happening after the other.
 *
 * It pops the earliest event, runs it, lets every promise that it settled run to its end, and
 * pops the next. Nothing else of the process may cause a callback, so one seed gives one run.
 * Between two events Node drains its microtasks because each event runs in a `setImmediate` of
 * its own; a batch of them shares one turn of the real event loop, which keeps a drain cheap.
 *
 * An exception out of an event, an unhandled rejection, and a touch of the real clock or of real
 * chance (see tripwires.ts) end the run with that error.
 */
import { EventHeap, type SimEvent } from './event-heap.ts'
import { SimProcess } from './process.ts'
import { EVENT_KINDS, type EventKind, Trace, type TraceSink } from './trace.ts'
import { setTripwires } from './tripwires.ts'

/** Events that share one turn of the real event loop. */
const BATCH = 256
/** So many events without time moving on is a loop that never ends. */
const EVENTS_AT_ONE_TIME_MAX = 1_000_000
const COMPACT_ABOVE = 4096

export interface KernelOptions {
  readonly trace?: TraceSink | null
  /** A run that passes this virtual time has hung. */
  readonly limitMs?: number
}

export interface Cancellable {
  cancel(): void
}

export class SimulationError extends Error {
  override readonly name = 'SimulationError'
}

export class Kernel {
  readonly #heap = new EventHeap()
  readonly #trace: Trace
  readonly #limitUs: number
  #nowUs = 0
  #seq = 0
  #processes = 0
  #cancelled = 0
  #eventsAtNow = 0
  #left = 0
  #finish: ((error: unknown) => void) | null = null
  #failure: { readonly error: unknown } | null = null

  constructor(options: KernelOptions = {}) {
    this.#trace = new Trace(options.trace ?? null)
    this.#limitUs = (options.limitMs ?? 24 * 3600 * 1000) * 1000
  }

  get nowUs(): number {
    return this.#nowUs
  }

  get nowMs(): number {
    return this.#nowUs / 1000
  }

  get events(): number {
    return this.#trace.events
  }

  get traceHash(): string {
    return this.#trace.hash
  }

  /** Events waiting, cancelled ones included. */
  get pending(): number {
    return this.#heap.size
  }

  spawn(name: string): SimProcess {
    return new SimProcess(++this.#processes, name, this.#nowUs)
  }

  /** Nothing scheduled for the process runs any more; its promises stay pending for ever. */
  kill(process: SimProcess): void {
    process.alive = false
    process.held.length = 0
  }

  /** SIGSTOP. */
  pause(process: SimProcess): void {
    process.paused = true
  }

  /** SIGCONT: what came due meanwhile runs now, in its order. */
  resume(process: SimProcess): void {
    process.paused = false
    for (const event of process.held.splice(0)) {
      event.timeUs = this.#nowUs
      this.#heap.push(event)
    }
  }

  /** A synchronous loop in the process: nothing of it runs for that long. */
  stall(process: SimProcess, durationMs: number): void {
    const until = this.#nowUs + Math.round(durationMs * 1000)
    process.stalledUntilUs = Math.max(process.stalledUntilUs, until)
  }

  schedule(
    process: SimProcess | null,
    delayUs: number,
    kind: EventKind,
    run: () => void,
    label = 0,
  ): SimEvent {
    const timeUs = this.#nowUs + Math.max(0, Math.ceil(delayUs))
    const event: SimEvent = {
      timeUs,
      seq: ++this.#seq,
      process,
      kind: EVENT_KINDS[kind],
      label,
      run,
      cancelled: false,
    }
    if (Number.isFinite(timeUs)) this.#heap.push(event)
    return event
  }

  /**
   * From an event of the world: the process acts in this very event, if it can. Otherwise when it
   * is resumed or its stall is over.
   */
  runIn(process: SimProcess, kind: EventKind, run: () => void, label = 0): void {
    if (!process.alive) return
    if (process.paused || process.stalledUntilUs > this.#nowUs) {
      this.schedule(process, 0, kind, run, label)
      return
    }
    this.#trace.add(this.#nowUs, process.id, EVENT_KINDS[kind], label)
    run()
  }

  cancel(event: SimEvent): void {
    if (event.cancelled) return
    event.cancelled = true
    this.#cancelled++
    if (this.#cancelled > COMPACT_ABOVE && this.#cancelled * 2 > this.#heap.size) {
      this.#heap.compact()
      this.#cancelled = 0
    }
  }

  /** For the world's own scripts: faults, clients, scenarios. */
  sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(null, durationMs * 1000, 'main', resolve)
    })
  }

  /** Ends the run with this error; the first one counts. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#finish?.(this.#failure.error)
  }

  /** Runs the script and everything that follows from it, until the script settles. */
  async run<T>(script: () => Promise<T>): Promise<T> {
    if (this.#finish !== null) throw new SimulationError('this kernel runs already')
    const others = process.rawListeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', (error) => this.fail(error))
    const disarm = setTripwires((error) => this.fail(error))
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#finish = reject
        this.schedule(null, 0, 'main', () => {
          script().then(
            (value) => {
              this.#finish = null
              resolve(value)
            },
            (error: unknown) => this.fail(error),
          )
        })
        this.#pump()
      })
    } finally {
      this.#finish = null
      disarm()
      process.removeAllListeners('unhandledRejection')
      for (const other of others) {
        process.on('unhandledRejection', other as NodeJS.UnhandledRejectionListener)
      }
    }
  }

  #pump(): void {
    this.#left = BATCH
    for (let i = 0; i < BATCH; i++) realSetImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#left--
    if (this.#finish === null || this.#failure !== null) return
    try {
      this.#runOne()
    } catch (error) {
      this.fail(error)
    }
    if (this.#left === 0) this.#pump()
  }

  #runOne(): void {
    const event = this.#next()
    if (event === null) {
      throw new SimulationError('nothing is left to happen, and the script still waits')
    }
    const { timeUs, process } = event
    if (timeUs > this.#nowUs) {
      if (timeUs > this.#limitUs) throw new SimulationError('virtual time passed its limit')
      this.#nowUs = timeUs
      this.#eventsAtNow = 0
    } else if (++this.#eventsAtNow > EVENTS_AT_ONE_TIME_MAX) {
      throw new SimulationError('events follow each other without time moving on')
    }
    this.#trace.add(timeUs, process === null ? 0 : process.id, event.kind, event.label)
    event.run()
  }

  /** The next event that may run; puts those aside whose process is paused or busy. */
  #next(): SimEvent | null {
    for (;;) {
      const event = this.#heap.pop()
      if (event === undefined) return null
      if (event.cancelled) {
        if (this.#cancelled > 0) this.#cancelled--
        continue
      }
      const { process } = event
      if (process === null) return event
      if (!process.alive) continue
      if (process.paused) {
        process.held.push(event)
      } else if (process.stalledUntilUs > event.timeUs) {
        event.timeUs = process.stalledUntilUs
        this.#heap.push(event)
      } else {
        return event
      }
    }
  }
}

/** The real one: the tripwires replace the global while a run lasts. */
const realSetImmediate = setImmediate
