/** What our registers do, as soon as the daemon has them. */
import type { Bench } from '../harness/bench.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Offer, Sizes } from '../harness/section.ts'
import { casLoop } from '../peers/cas-loop.ts'
import type { RpcConnection } from './rpc-connection.ts'

/** What is used of `node.reg`. */
export interface Registers {
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<{ readonly version: string } | null>
  cas(key: string, value: string, options: { ifVersion: string }): Promise<unknown>
  incr(key: string): Promise<unknown>
}

/** For a daemon that has them and a client that does not yet. */
export function plainRegisters(connection: RpcConnection): Registers {
  return {
    set: (key, value) => connection.call('reg.set', { key, value }),
    get: (key) => connection.call('reg.get', { key }),
    cas: (key, value, options) => connection.call('reg.cas', { key, value, ...options }),
    incr: (key) => connection.call('reg.incr', { key }),
  }
}

/** `methods` are the names that the daemon knows. */
export function registerOffers(
  bench: Bench,
  registers: Registers,
  methods: ReadonlySet<string>,
): Offer[] {
  const keyOf = (i: number, { keys }: Sizes) => `bench/${i % keys}`
  const filled = async (sizes: Sizes) => {
    const value = bench.random.text(sizes.valueBytes)
    await pipelined(sizes.keys, 64, (i) => registers.set(keyOf(i, sizes), value))
    return value
  }
  const offers: Record<string, Offer> = {
    'reg.set': {
      work: 'write',
      what: 'atoll reg set',
      lead: true,
      prepare: (sizes) => {
        const value = bench.random.text(sizes.valueBytes)
        return Promise.resolve((i) => registers.set(keyOf(i, sizes), value))
      },
    },
    'reg.get': {
      work: 'read',
      what: 'atoll reg get (linearizable)',
      lead: true,
      prepare: async (sizes) => {
        await filled(sizes)
        return (i) => registers.get(keyOf(i, sizes))
      },
    },
    'reg.cas': {
      work: 'cas',
      what: 'atoll reg get, cas',
      lead: true,
      prepare: async (sizes) => {
        const value = await filled(sizes)
        return casLoop(casStore(registers), (i) => keyOf(i, sizes), value)
      },
    },
    'reg.incr': {
      work: 'cas',
      what: 'atoll reg incr',
      prepare: (sizes) => Promise.resolve((i) => registers.incr(`count/${i % sizes.keys}`)),
    },
  }
  return Object.entries(offers)
    .filter(([method]) => methods.has(method))
    .map(([, offer]) => offer)
}

function casStore(registers: Registers) {
  return {
    read: async (key: string) => (await registers.get(key))?.version ?? '',
    cas: async (key: string, ifVersion: string, value: string) => {
      try {
        await registers.cas(key, value, { ifVersion })
        return true
      } catch (error) {
        if ((error as { code?: string }).code === 'CONFLICT') return false
        throw error
      }
    },
  }
}
