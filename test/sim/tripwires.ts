/**
 * While a simulation runs, the real clock, timers and chance are out of bounds: whoever calls one
 * has gone past the seams, and the run would not repeat. The call throws, and `trip` is told, since
 * the caller may swallow the exception.
 */
type Trip = (error: Error) => void

interface Patched {
  readonly owner: object
  readonly name: string
}

const FORBIDDEN: readonly Patched[] = [
  { owner: globalThis, name: 'setTimeout' },
  { owner: globalThis, name: 'setInterval' },
  { owner: globalThis, name: 'setImmediate' },
  { owner: Math, name: 'random' },
  { owner: Date, name: 'now' },
  { owner: performance, name: 'now' },
  { owner: AbortSignal, name: 'timeout' },
  { owner: crypto, name: 'getRandomValues' },
  { owner: crypto, name: 'randomUUID' },
]

/** Returns the function that takes them away again. */
export function setTripwires(trip: Trip): () => void {
  const restore = FORBIDDEN.map(({ owner, name }) => {
    const before = Object.getOwnPropertyDescriptor(owner, name)
    Object.defineProperty(owner, name, {
      configurable: true,
      writable: true,
      enumerable: before?.enumerable ?? false,
      value: () => {
        const error = new Error(`${name} was called inside the simulation`)
        trip(error)
        throw error
      },
    })
    return () => {
      if (before === undefined) Reflect.deleteProperty(owner, name)
      else Object.defineProperty(owner, name, before)
    }
  })
  const realDate = Date
  globalThis.Date = forbidNewDate(realDate, trip)
  return () => {
    globalThis.Date = realDate
    for (const undo of restore) undo()
  }
}

function forbidNewDate(real: DateConstructor, trip: Trip): DateConstructor {
  return new Proxy(real, {
    construct(target, args: unknown[]) {
      if (args.length > 0) return Reflect.construct(target, args) as object
      const error = new Error('new Date() was called inside the simulation')
      trip(error)
      throw error
    },
  })
}
