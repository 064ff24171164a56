/** TCP's handshake at some addresses and nothing after it: the listener's kernel answers. */
import type { AddressTrial } from '../../src/seams/network.ts'
import type { Fabric, SimHost } from './fabric.ts'
import { parseAddress } from './sim-address.ts'
import type { SimNetwork } from './sim-network.ts'

/** As dials have it: a lost SYN is sent again. */
const SYN_RETRY_MS = 1000
const SYN_BYTES = 64

/** The best of all: `open` as soon as one is. */
export function tryInWorld(
  fabric: Fabric,
  network: SimNetwork,
  addresses: readonly string[],
  timeoutMs: number,
): Promise<AddressTrial> {
  return new Promise((resolve) => {
    let over = false
    let left = addresses.length
    let worst: AddressTrial = 'unreachable'
    const end = (trial: AddressTrial): void => {
      if (over) return
      over = true
      network.schedule(() => resolve(trial))
    }
    const lost = (trial: AddressTrial): void => {
      if (trial === 'refused') worst = trial
      if (--left === 0) end(worst)
    }
    const leg = (from: SimHost, to: SimHost, then: () => void): void => {
      if (over) return
      const again = (): void => leg(from, to, then)
      if (!fabric.passes(from, to)) {
        fabric.kernel.schedule(null, SYN_RETRY_MS * 1000, 'path', again, 3)
        return
      }
      fabric.kernel.schedule(null, fabric.delayUs(from, to, SYN_BYTES), 'path', then, 4)
    }
    network.schedule(() => end('timeout'), timeoutMs * 1000)
    if (left === 0) return end('unreachable')
    for (const address of addresses) {
      const place = parseAddress(address)
      const there = place === null ? undefined : fabric.hostAt(place.ip)
      if (place === null || there === undefined) {
        lost('unreachable')
        continue
      }
      leg(network.host, there, () => {
        const trial = there.listeners.has(place.port) ? 'open' : 'refused'
        leg(there, network.host, () => (trial === 'open' ? end(trial) : lost(trial)))
      })
    }
  })
}
