import { noDisk } from '../sim/no-disk.ts'
import type { Network, NetworkConfig } from '../../src/seams/network.ts'
import { World } from '../sim/world.ts'
import { Ear, networkContract, type NetworkWorld, type TestPeer } from './network.contract.ts'

type Made = (config: NetworkConfig) => Network

/** Each peer is the program of a machine of its own. */
async function inSimulation(body: (world: NetworkWorld) => Promise<void>): Promise<void> {
  const world = new World<Made>({
    seed: 'network contract',
    hosts: 4,
    disk: () => noDisk,
    program: {
      start: (seams) => Promise.resolve((config) => seams.network(config)),
      stop: () => Promise.resolve(),
    },
  })
  let hosts = 0
  const make = (machine: number, key: number, change: Partial<NetworkConfig>) => {
    const made = world.host(machine).node
    if (made === null) throw new Error('no such machine')
    const network = made({
      privateKeySeed: new Uint8Array(32).fill(++hosts),
      networkKey: new Uint8Array(32).fill(key),
      listen: ['/ip4/0.0.0.0/tcp/0'],
      announce: [],
      ...change,
    })
    const accepted: Ear[] = []
    const start = (): Promise<void> => network.start((link) => accepted.push(new Ear(link)))
    return { network, accepted, start }
  }
  await world.run(async () => {
    for (const { index } of world.hosts) await world.start(index)
    let machine = 0
    await body({
      async start(key = 1, change = {}): Promise<TestPeer> {
        const peer = make(machine++, key, change)
        await peer.start()
        return peer
      },
      // On the first machine: a listening address that is taken is taken there.
      make: (change = {}) => make(0, 1, change),
      until: (what, condition) => world.until(what, 60_000, condition),
    })
  })
}

networkContract('simulated', inSimulation)
