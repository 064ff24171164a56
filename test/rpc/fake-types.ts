/** Counters and sets in memory: see fake-node.ts. */
import type { CallOptions, KvCounterApi, KvSetApi, Value } from '../../src/node/api.ts'

type Enter = (options: CallOptions | undefined) => Promise<void>

const ANSWERED = { acks: 3, replicas: 3, partial: false } as const

export function fakeCounter(enter: Enter): KvCounterApi {
  const counts = new Map<string, number>()
  return {
    add: async (key, delta = 1, options) => {
      await enter(options)
      const value = (counts.get(key) ?? 0) + delta
      counts.set(key, value)
      return { key, value, context: 'v1', ...ANSWERED }
    },
    get: async (key, options) => {
      await enter(options)
      const value = counts.get(key)
      if (value === undefined) return null
      return { key, value, type: 'counter', context: 'v1', others: [], ...ANSWERED }
    },
  }
}

export function fakeSet(enter: Enter): KvSetApi {
  const sets = new Map<string, readonly Value[]>()
  const name = (value: Value): string =>
    value instanceof Uint8Array ? `bytes ${value.toString()}` : JSON.stringify(value)
  const of = (key: string): readonly Value[] => sets.get(key) ?? []
  const others = (key: string, elements: readonly Value[]): Value[] => {
    const names = new Set(elements.map(name))
    return of(key).filter((one) => !names.has(name(one)))
  }
  return {
    add: async (key, elements, options) => {
      await enter(options)
      const before = of(key).length
      sets.set(key, [...others(key, elements), ...elements])
      return { key, changed: of(key).length - before, ...ANSWERED }
    },
    rm: async (key, elements, options) => {
      await enter(options)
      const before = of(key).length
      sets.set(key, others(key, elements))
      return { key, changed: before - of(key).length, ...ANSWERED, acks: 1, partial: true }
    },
    ls: async (key, options) => {
      await enter(options)
      return { key, value: of(key), type: 'set', context: 'v1', others: [], ...ANSWERED }
    },
  }
}
