/** The multiaddrs that a simulated network understands: `/ip4/A.B.C.D/tcp/PORT[/p2p/ID]`. */
export interface Place {
  readonly ip: string
  readonly port: number
}

const PATTERN = /^\/ip4\/(\d+\.\d+\.\d+\.\d+)\/tcp\/(\d+)(\/p2p\/\w+)?$/

export function parseAddress(address: string): Place | null {
  const [, ip, port] = PATTERN.exec(address) ?? []
  if (ip === undefined || port === undefined || Number(port) > 65535) return null
  return { ip, port: Number(port) }
}

export function formatAddress({ ip, port }: Place): string {
  return `/ip4/${ip}/tcp/${port}`
}
