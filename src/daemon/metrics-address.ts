/** Where `--metrics` listens: an address of this machine and a port, never a name to look up. */
import { isIP } from 'node:net'

export interface MetricsAddress {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

const PORT_MAX = 65_535

/** `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464`; null when it is none. */
export function parseMetricsAddress(text: string): MetricsAddress | null {
  const [, bracketed, plain, digits = ''] = /^(?:\[(.+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain ?? ''
  const isAddress = bracketed === undefined ? isIP(host) === 4 : isIP(host) === 6
  const port = Number(digits)
  if (digits === '' || port > PORT_MAX || !(isAddress || plain === 'localhost')) return null
  return { host, port }
}

/** Whether only programs on this machine can reach it. */
export function isLoopback({ host }: MetricsAddress): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
