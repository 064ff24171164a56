/**
 * A network namespace for each daemon, joined by a bridge in another one: on one machine, what hosts
 * on a switch are. A cut drops packets at the receiver without a word, as a dead cable or a firewall
 * does: nobody is refused, things hang. Needs root, ip and iptables.
 */
import { execFileSync } from 'node:child_process'
import type { Network } from './network.ts'

const PORT = 4410

function run(file: string, ...args: readonly string[]): void {
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Why there can be none here; null: there can. */
export function namespacesMissing(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const probe = `ah${process.pid}-probe`
  try {
    run('ip', 'netns', 'add', probe)
  } catch {
    return 'network namespaces need iproute2 and the right to make them'
  }
  try {
    run('ip', 'netns', 'exec', probe, 'iptables', '-L', 'INPUT')
    return null
  } catch {
    return 'network namespaces need iptables'
  } finally {
    run('ip', 'netns', 'del', probe)
  }
}

export class Namespaces implements Network {
  readonly name = 'namespaces'
  readonly #prefix = `ah${process.pid}`
  readonly #hub: string
  readonly #made: string[] = []
  readonly #remove = (): void => {
    for (const space of this.#made.splice(0)) run('ip', 'netns', 'del', space)
  }

  constructor(size: number) {
    process.once('exit', this.#remove)
    this.#hub = this.#add('hub')
    this.#in(this.#hub, 'ip', 'link', 'add', 'br0', 'type', 'bridge')
    this.#in(this.#hub, 'ip', 'link', 'set', 'br0', 'up')
    for (let i = 0; i < size; i++) this.#join(this.#add(`${i}`), i)
  }

  launcher(index: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.#of(index)]
  }

  listen(index: number): string {
    return `/ip4/${address(index)}/tcp/${PORT}`
  }

  cut(from: number, to: number): void {
    this.#in(this.#of(to), 'iptables', '-A', 'INPUT', '-s', address(from), '-j', 'DROP')
  }

  heal(): void {
    for (const space of this.#made.slice(1)) this.#in(space, 'iptables', '-F', 'INPUT')
  }

  end(): void {
    this.#remove()
    process.removeListener('exit', this.#remove)
  }

  #join(space: string, index: number): void {
    const port = `port${index}`
    const pair = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', space]
    this.#in(this.#hub, 'ip', 'link', 'add', port, ...pair)
    this.#in(this.#hub, 'ip', 'link', 'set', port, 'master', 'br0', 'up')
    this.#in(space, 'ip', 'addr', 'add', `${address(index)}/24`, 'dev', 'eth0')
    for (const device of ['lo', 'eth0']) this.#in(space, 'ip', 'link', 'set', device, 'up')
  }

  #add(name: string): string {
    const space = `${this.#prefix}-${name}`
    run('ip', 'netns', 'add', space)
    this.#made.push(space)
    return space
  }

  #of(index: number): string {
    return `${this.#prefix}-${index}`
  }

  #in(space: string, ...command: readonly string[]): void {
    run('ip', 'netns', 'exec', space, ...command)
  }
}

function address(index: number): string {
  return `10.77.0.${index + 1}`
}
