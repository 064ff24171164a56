/** Whether anybody listens at TCP addresses: connections that are closed before a word is said. */
import { connect } from 'node:net'
import type { AddressTrial } from '../seams/network.ts'

const PLACE = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)(?:\/|$)/
/** Tried at once. */
const ADDRESSES_MAX = 8

/** The best of all: `open` as soon as one is. Never rejects. */
export async function tryTcp(
  addresses: readonly string[],
  timeoutMs: number,
): Promise<AddressTrial> {
  const places = addresses.flatMap((address) => {
    const [, host, port] = PLACE.exec(address) ?? []
    return host === undefined ? [] : [{ host, port: Number(port) }]
  })
  const tried = places.slice(0, ADDRESSES_MAX).map((place) => tryOne(place, timeoutMs))
  const open = tried.map(async (trial) => {
    if ((await trial) !== 'open') throw new Error('not open')
    return 'open' as const
  })
  try {
    return await Promise.any(open)
  } catch {
    const trials = await Promise.all(tried)
    return (['refused', 'timeout'] as const).find((each) => trials.includes(each)) ?? 'unreachable'
  }
}

function tryOne(
  { host, port }: { readonly host: string; readonly port: number },
  timeoutMs: number,
): Promise<AddressTrial> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    // Not the socket's own time-out, which begins anew with every sign of life.
    const timer = setTimeout(() => end('timeout'), timeoutMs)
    timer.unref()
    const end = (trial: AddressTrial): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(trial)
    }
    socket.once('connect', () => end('open'))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end(error.code === 'ECONNREFUSED' ? 'refused' : 'unreachable')
    })
  })
}
