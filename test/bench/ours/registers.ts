/** What our registers do, as soon as the daemon has them. */
import type { Bench } from '../harness/bench.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Offer, Sizes } from '../harness/section.ts'
import { casLoop } from '../peers/cas-loop.ts'
import { type RpcConnection, RpcFailure } from './rpc-connection.ts'

/** `methods` are the names that the daemon knows. */
export function registerOffers(
  bench: Bench,
  client: RpcConnection,
  methods: ReadonlySet<string>,
): Offer[] {
  const keyOf = (i: number, { keys }: Sizes) => `bench/${i % keys}`
  const filled = async (sizes: Sizes) => {
    const value = bench.random.text(sizes.valueBytes)
    await pipelined(sizes.keys, 64, (i) => client.call('reg.set', { key: keyOf(i, sizes), value }))
    return value
  }
  const offers: Record<string, Offer> = {
    'reg.set': {
      work: 'write',
      what: 'atoll reg set',
      lead: true,
      prepare: (sizes) => {
        const value = bench.random.text(sizes.valueBytes)
        return Promise.resolve((i) => client.call('reg.set', { key: keyOf(i, sizes), value }))
      },
    },
    'reg.get': {
      work: 'read',
      what: 'atoll reg get (linearizable)',
      lead: true,
      prepare: async (sizes) => {
        await filled(sizes)
        return (i) => client.call('reg.get', { key: keyOf(i, sizes) })
      },
    },
    'reg.cas': {
      work: 'cas',
      what: 'atoll reg get, cas',
      lead: true,
      prepare: async (sizes) => {
        const value = await filled(sizes)
        return casLoop(casStore(client), (i) => keyOf(i, sizes), value)
      },
    },
    'reg.incr': {
      work: 'cas',
      what: 'atoll reg incr',
      prepare: (sizes) =>
        Promise.resolve((i) => client.call('reg.incr', { key: `count/${i % sizes.keys}` })),
    },
  }
  return Object.entries(offers)
    .filter(([method]) => methods.has(method))
    .map(([, offer]) => offer)
}

function casStore(client: RpcConnection) {
  return {
    read: async (key: string) => {
      const found = await client.call<{ version: string } | null>('reg.get', { key })
      return found?.version ?? ''
    },
    cas: async (key: string, ifVersion: string, value: string) => {
      try {
        await client.call('reg.cas', { key, value, ifVersion })
        return true
      } catch (error) {
        if (error instanceof RpcFailure && error.code === 'CONFLICT') return false
        throw error
      }
    },
  }
}
