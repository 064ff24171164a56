/**
 * The store when a cluster falls in two: five daemons, two on one side and three on the other, take
 * ten thousand writes each to the same keys, come together, and must then hold the same, with
 * nothing lost that was acknowledged. Then they become seven and four under load.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { ConnectedNode } from '../../../src/client.ts'
import { userKey } from '../../../src/store/place.ts'
import { compareStored, type Stored } from '../../sim/checker/stored.ts'
import { HostileCluster } from './cluster.ts'
import { readDisk } from './disks.ts'
import type { Network } from './network.ts'
import { StoreClients } from './store-clients.ts'

const KEYS = 8000
const WRITES_A_SIDE = 10_000
const CALLERS = 32
const HEAL_LIMIT_MS = 60_000
/** Nothing flows for so long: all is equal. */
const QUIET_MS = 3000
/** Prime to each other's multiples: a key is one caller's. */
const LOAD_KEYS = 400
const LOAD_CALLERS = 16

type Say = (line: string) => void

/** True: everything held. */
export async function storeHalves(network: Network, say: Say): Promise<boolean> {
  const cluster = await HostileCluster.start(network, 5)
  try {
    const halves = await inHalves(cluster, say)
    const bytes = await healed(cluster, say)
    // Before anybody reads: reads repair.
    const disks = await stopped(cluster)
    const same = areSame(disks, say)
    sayBytes(disks, halves, bytes, say)
    const held = await holdsAll(cluster, halves.clients, say)
    return (await growAndShrink(cluster, say)) && same && held
  } finally {
    await cluster.end()
  }
}

interface Halves {
  readonly clients: readonly StoreClients[]
  /** Indices of each side's daemons. */
  readonly sides: readonly (readonly number[])[]
}

async function inHalves(cluster: HostileCluster, say: Say): Promise<Halves> {
  const sides = [
    [0, 1],
    [2, 3, 4],
  ] as const
  for (const a of sides[0]) {
    for (const b of sides[1]) {
      cluster.network.cut(a, b)
      cluster.network.cut(b, a)
    }
  }
  const clients = ['two', 'three'].map((name) => new StoreClients(name))
  await Promise.all(clients.map((side, i) => writeAll(cluster, side, sides[i] ?? [])))
  for (const side of clients) say(side.summary)
  return { clients, sides }
}

/** Each caller has keys of its own on its side, and stays with one daemon. */
async function writeAll(
  cluster: HostileCluster,
  clients: StoreClients,
  side: readonly number[],
): Promise<void> {
  const nodes = await Promise.all(side.map((index) => cluster.node(index)))
  const caller = async (number: number): Promise<void> => {
    const node = nodes[number % nodes.length] as ConnectedNode
    for (let i = number; i < WRITES_A_SIDE; i += CALLERS) {
      // The stride is prime to the number of keys: a caller's keys are no other's.
      await clients.put(node, `k${(i * 7) % KEYS}`)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, (_, number) => caller(number)))
}

/** How many bytes went from one to another until nothing flowed any more. */
async function healed(cluster: HostileCluster, say: Say): Promise<number> {
  const before = await syncedOf(cluster)
  const beganMs = performance.now()
  cluster.network.heal()
  const { last, lastMs } = await untilQuiet(cluster, before)
  const seconds = ((lastMs - beganMs) / 1000).toFixed(1)
  const deaths = last.deaths - before.deaths
  const travelled = `${last.keys - before.keys} records travelled`
  say(`equal ${seconds} s after the cut ended; ${travelled}; ${deaths} taken for dead meanwhile`)
  return last.bytes - before.bytes
}

/** `lastMs`: when there was last a record on its way, or a partition to compare. */
async function untilQuiet(
  cluster: HostileCluster,
  before: Synced,
): Promise<{ readonly last: Synced; readonly lastMs: number }> {
  const beganMs = performance.now()
  let lastMs = beganMs
  let busyMs = beganMs
  let last = before
  while (performance.now() - busyMs < QUIET_MS) {
    if (performance.now() - beganMs > HEAL_LIMIT_MS) throw new Error('they do not become equal')
    await delay(100)
    const now = await syncedOf(cluster)
    if (now.keys !== last.keys || now.backlog > 0) lastMs = performance.now()
    if (now.apart > 0 || now.moving > 0) busyMs = performance.now()
    busyMs = Math.max(busyMs, lastMs)
    last = now
  }
  return { last, lastMs }
}

/** Every key read in full through some daemon. */
async function holdsAll(
  cluster: HostileCluster,
  clients: readonly StoreClients[],
  say: Say,
): Promise<boolean> {
  const keys = [...new Set(clients.flatMap((side) => [...side.keys]))]
  const nodes = await Promise.all(cluster.indices.map((index) => cluster.node(index)))
  const faults: string[] = []
  let siblings = 0
  const reader = async (number: number): Promise<void> => {
    for (let i = number; i < keys.length; i += CALLERS) {
      const key = keys[i] ?? ''
      const read = await (nodes[i % nodes.length] as ConnectedNode).kv.get(key, { read: 'all' })
      const values = read === null ? [] : [read.value, ...read.others].map(String)
      if (values.length > 1) siblings++
      for (const side of clients) {
        const fault = side.fault(key, values)
        if (fault !== null) faults.push(`${key}: ${fault}`)
      }
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, (_, number) => reader(number)))
  say(`${keys.length} keys read, ${siblings} with siblings, ${faults.length} not as promised`)
  for (const fault of faults.slice(0, 5)) say(`  ${fault}`)
  return faults.length === 0
}

interface Synced {
  readonly keys: number
  readonly bytes: number
  readonly backlog: number
  /** Daemons that take one of them for down: they compare with it once it is up again. */
  readonly apart: number
  /** Partitions that move, or have moved and left a copy. */
  readonly moving: number
  /** Times that one of them was taken for dead. */
  readonly deaths: number
}

/** Of all daemons together. */
async function syncedOf(cluster: HostileCluster): Promise<Synced> {
  const sum = { keys: 0, bytes: 0, backlog: 0, apart: 0, deaths: 0, moving: 0 }
  for (const index of cluster.indices) {
    const families = await (await cluster.node(index)).metrics()
    const of = (name: string, state?: string): number =>
      families
        .find((family) => family.name === name)
        ?.samples.filter(({ labels }) => state === undefined || labels.state === state)
        .reduce((total, each) => total + ('value' in each ? each.value : 0), 0) ?? 0
    sum.keys += of('atoll_store_sync_keys_total')
    sum.bytes += of('atoll_store_sync_bytes_total')
    sum.backlog += of('atoll_store_sync_backlog')
    sum.deaths += of('atoll_swim_deaths_total')
    if (of('atoll_swim_members', 'alive') !== cluster.size) sum.apart++
  }
  const { partitions } = await (await cluster.node(0)).topology.show()
  for (const { previous, former } of partitions) {
    if (previous !== null || former.length > 0) sum.moving++
  }
  return sum
}

/** What is on all disks; the daemons are stopped meanwhile. */
async function stopped(cluster: HostileCluster): Promise<Stored[]> {
  await cluster.stop()
  const disks: Stored[] = []
  for (const index of cluster.indices) {
    const { name, data } = cluster.daemon(index)
    disks.push(await readDisk(name, data))
  }
  cluster.restart(...cluster.indices)
  await cluster.steady()
  return disks
}

/** Whether the replicas of each partition hold the same bytes. */
function areSame(disks: readonly Stored[], say: Say): boolean {
  const { records, different } = compareStored(disks)
  const some = different.slice(0, 5).join(', ')
  say(`${records} records, ${different.length} not the same at all replicas${some && `: ${some}`}`)
  return different.length === 0 && records > 0
}

/** What travelled, against the records that a replica could not have from its own side. */
function sayBytes(disks: readonly Stored[], { clients, sides }: Halves, bytes: number, say: Say) {
  let lacked = 0
  const written = clients.map((side) => new Set(side.keys))
  for (const [index, disk] of disks.entries()) {
    const other = sides[0]?.includes(index) === true ? 1 : 0
    for (const [name, record] of disk.records) {
      if (written[other]?.has(userKey(name)) === true) lacked += name.length + record.length
    }
  }
  const times = (bytes / lacked).toFixed(2)
  say(
    `${megabytes(bytes)} MB travelled for ${megabytes(lacked)} MB that replicas lacked: ${times} times`,
  )
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}

/** Five daemons become seven, and these four, while keys are replaced and deleted through all of them. */
async function growAndShrink(cluster: HostileCluster, say: Say): Promise<boolean> {
  const clients = new StoreClients('load')
  const load = { isOver: false }
  const callers = Array.from({ length: LOAD_CALLERS }, (_, i) => loaded(cluster, clients, i, load))
  try {
    while (cluster.size < 7) await cluster.join()
    await cluster.steady()
    say(`seven daemons; ${clients.summary}`)
    await cluster.leave(3)
    say(`four daemons; ${clients.summary}`)
  } finally {
    load.isOver = true
  }
  await Promise.all(callers)
  await untilQuiet(cluster, await syncedOf(cluster))
  const same = areSame(await stopped(cluster), say)
  const held = await holdsAll(cluster, [clients], say)
  return same && held
}

async function loaded(
  cluster: HostileCluster,
  clients: StoreClients,
  number: number,
  load: { readonly isOver: boolean },
): Promise<void> {
  for (let i = number; !load.isOver; i += LOAD_CALLERS) {
    // Not through those that leave: their clients are told to go elsewhere.
    const node = await cluster.node(i % 4)
    await clients.replace(node, `load/${i % LOAD_KEYS}`, i % 10 === 0)
  }
}
