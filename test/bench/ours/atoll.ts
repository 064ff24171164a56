/** atoll as a system under test: three daemons from `dist`, one client over one socket. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Bench } from '../harness/bench.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Offer, RunningSystem, System } from '../harness/section.ts'
import { type Daemon, Mesh } from './daemons.ts'
import { INSPECT_FLAGS, InspectorProfiler } from './inspector.ts'
import { plainRegisters, type Registers, registerOffers } from './registers.ts'
import { fanOutOffers } from './watchers.ts'

const CLIENT = resolve(import.meta.dirname, '../../../dist/src/client.js')
export const MEMBERS = 3
const LEVELS = ['quorum', 'one', 'all'] as const
type Level = (typeof LEVELS)[number]

/** What is used of `atolld/client` here; it is loaded from `dist`, as a program's would be. */
interface ClientModule {
  connect(options: { socket: string }): Promise<Client>
}

interface Client {
  readonly kv: {
    put(key: string, value: string, options: { write: Level }): Promise<unknown>
    get(key: string, options: { read: Level }): Promise<unknown>
  }
  readonly reg?: Registers
  close(): Promise<void>
}

export const atoll: System = {
  name: 'atoll',
  title: 'atoll, three daemons',
  needs: [{ name: 'dist (npm run build)', debian: '', present: () => existsSync(CLIENT) }],
  clients: [],
  version: () => null,
  start: (bench) => startAtoll(bench),
}

/** `flagsOf` are more settings of the daemon with that number, from 0. */
export async function startAtoll(
  bench: Bench,
  flagsOf: (i: number) => readonly string[] = () => [],
): Promise<RunningSystem> {
  const nodeFlags = bench.profiling ? INSPECT_FLAGS : []
  const mesh = await Mesh.start(bench.children, MEMBERS, nodeFlags, flagsOf)
  const module = (await import(pathToFileURL(CLIENT).href)) as ClientModule
  const [first] = mesh.daemons as [Daemon]
  const client = await module.connect({ socket: first.socket })
  const plain = await first.connect()
  const { methods } = await plain.call<{ methods: { name: string }[] }>('rpc.discover', {})
  const names = new Set(methods.map(({ name }) => name))
  const profilers = bench.profiling
    ? await Promise.all(mesh.daemons.map((daemon) => InspectorProfiler.attach(daemon)))
    : []
  return {
    offers: [
      ...LEVELS.map((level) => put(bench, client, level)),
      ...LEVELS.map((level) => get(bench, client, level)),
      ...registerOffers(bench, client.reg ?? plainRegisters(plain), names),
      ...fanOutOffers(mesh, plain, names),
    ],
    profilers,
    pids: () => mesh.pids,
    stop: async () => {
      for (const profiler of profilers) profiler.close()
      plain.close()
      await client.close()
      await mesh.stop()
    },
  }
}

function put(bench: Bench, client: Client, level: Level): Offer {
  return {
    work: 'write',
    what: `atoll kv put (${level})`,
    lead: level === 'quorum',
    prepare: ({ keys, valueBytes }) => {
      const value = bench.random.text(valueBytes)
      return Promise.resolve((i) => client.kv.put(`bench/${i % keys}`, value, { write: level }))
    },
  }
}

function get(bench: Bench, client: Client, level: Level): Offer {
  return {
    work: 'read',
    what: `atoll kv get (${level})`,
    lead: level === 'quorum',
    prepare: async ({ keys, valueBytes }) => {
      const value = bench.random.text(valueBytes)
      await pipelined(keys, 64, (i) => client.kv.put(`bench/${i}`, value, { write: 'all' }))
      return (i) => client.kv.get(`bench/${i % keys}`, { read: level })
    },
  }
}
