/** Peers over real libp2p on this machine's loopback. */
import { silentLog } from '../../src/adapters/system-log.ts'
import {
  Libp2pNetwork,
  NETWORK_TIMES,
  type NetworkTimes,
} from '../../src/adapters/libp2p-network.ts'
import type { NetworkConfig } from '../../src/seams/network.ts'
import { Ear, type NetworkWorld, type TestPeer } from '../contract/network.contract.ts'

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0'
const DEADLINE_MS = 15_000

/** Polls; fails when the condition does not hold in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export function loopbackConfig(
  number: number,
  key = 1,
  change: Partial<NetworkConfig> = {},
): NetworkConfig {
  const privateKeySeed = new Uint8Array(32)
  new DataView(privateKeySeed.buffer).setUint32(0, number)
  const networkKey = new Uint8Array(32).fill(key)
  return { privateKeySeed, networkKey, listen: [LOOPBACK], announce: [], ...change }
}

export interface Loopback extends NetworkWorld {
  startWith(
    number: number,
    change: Partial<NetworkConfig>,
    times?: Partial<NetworkTimes>,
  ): Promise<TestPeer>
  /** Runs when the test is over. */
  after(clean: () => unknown): void
}

export async function onLoopback(body: (world: Loopback) => Promise<void>): Promise<void> {
  const cleanings: (() => unknown)[] = []
  let number = 0
  const build = (config: NetworkConfig, times: Partial<NetworkTimes>) => {
    const network = new Libp2pNetwork(config, silentLog, { ...NETWORK_TIMES, ...times })
    cleanings.push(() => network.stop())
    const accepted: Ear[] = []
    const start = (): Promise<void> => network.start((link) => accepted.push(new Ear(link)))
    return { network, accepted, start }
  }
  const started = async (
    config: NetworkConfig,
    times: Partial<NetworkTimes> = {},
  ): Promise<TestPeer> => {
    const peer = build(config, times)
    await peer.start()
    return peer
  }
  const world: Loopback = {
    start: (key = 1, change = {}) => started(loopbackConfig(++number, key, change)),
    startWith: (own, change, times) => started(loopbackConfig(own, 1, change), times),
    make: (change = {}) => build(loopbackConfig(++number, 1, change), {}),
    until,
    after: (clean) => cleanings.push(clean),
  }
  try {
    await body(world)
  } finally {
    await Promise.all(cleanings.map((clean) => clean()))
  }
}
