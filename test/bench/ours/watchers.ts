/** One change and all who watch for it, spread over the daemons, where the daemon has a watch. */
import type { Offer } from '../harness/section.ts'
import { FanOut } from '../peers/fan-out.ts'
import type { Mesh } from './daemons.ts'
import type { RpcConnection } from './rpc-connection.ts'

/** Of the 64 that the daemon allows on one connection. */
const WATCHES_A_CONNECTION = 50
const KEY = 'bench-watched'

/** What is watched, and how it is changed. */
const KINDS = [
  {
    watch: 'reg.watch',
    params: { key: KEY },
    change: 'reg.set',
    what: 'atoll reg set → watchers',
    lead: true,
  },
  {
    watch: 'kv.watch',
    params: { prefix: KEY },
    change: 'kv.put',
    what: 'atoll kv put → watchers',
    lead: true,
  },
] as const

export function fanOutOffers(
  mesh: Mesh,
  client: RpcConnection,
  methods: ReadonlySet<string>,
): Offer[] {
  return KINDS.filter(({ watch }) => methods.has(watch)).map(
    ({ watch, params, change, what, lead }) => ({
      work: 'fan-out',
      what,
      lead,
      prepare: async ({ keys: watchers }) => {
        const fan = new FanOut(watchers)
        await client.call(change, { key: KEY, value: 'first' })
        for (let open = 0; open < watchers; open += WATCHES_A_CONNECTION) {
          const daemon = mesh.daemons[(open / WATCHES_A_CONNECTION) % mesh.daemons.length]
          const connection = await daemon?.connect()
          if (connection === undefined) throw new Error('no daemon to watch at')
          // A new watch begins with what there is: only later events count.
          connection.onNotification = (told) => {
            for (const event of (told as { events: unknown[] }).events) {
              if (JSON.stringify(event).includes(fan.value)) fan.heard()
            }
          }
          for (let i = open; i < Math.min(watchers, open + WATCHES_A_CONNECTION); i++) {
            await connection.call(watch, params)
          }
        }
        return fan.operation((value) => client.call(change, { key: KEY, value }))
      },
    }),
  )
}
