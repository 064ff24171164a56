/** All daemons on this machine's loopback, each with a port of its own that it keeps. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Network } from './network.ts'

export class Loopback implements Network {
  readonly name = 'loopback'
  readonly #ports: readonly number[]

  private constructor(ports: readonly number[]) {
    this.#ports = ports
  }

  static async of(size: number): Promise<Loopback> {
    const servers = Array.from({ length: size }, () => createServer().listen(0, '127.0.0.1'))
    await Promise.all(servers.map((server) => once(server, 'listening')))
    const ports = servers.map((server) => (server.address() as AddressInfo).port)
    await Promise.all(servers.map((server) => once(server.close(), 'close')))
    return new Loopback(ports)
  }

  launcher(): readonly string[] {
    return []
  }

  listen(index: number): string {
    return `/ip4/127.0.0.1/tcp/${this.#ports[index]}`
  }

  cut(): void {
    throw new Error('loopback cannot be cut: use namespaces')
  }

  heal(): void {}

  end(): void {}
}
