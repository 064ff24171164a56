/** Daemons of one cluster that are killed, held, wiped and cut off, and what is known of them. */
import { rmSync } from 'node:fs'
import type { ConnectedNode } from '../../../src/client.ts'
import { ATOLL, type DaemonProcess, Machine, until } from '../processes.ts'
import type { Network } from './network.ts'

const STEADY_MS = 90_000

export class HostileCluster {
  readonly machine = new Machine()
  readonly network: Network
  readonly #daemons: DaemonProcess[] = []
  readonly #nodes = new Map<number, Promise<ConnectedNode>>()
  readonly #down = new Set<number>()
  /** When it last went on after a stop, or was started; of calls that hung for it. */
  readonly #heldUntilMs = new Map<number, number>()

  constructor(network: Network) {
    this.network = network
  }

  static async start(network: Network, size: number): Promise<HostileCluster> {
    const cluster = new HostileCluster(network)
    await cluster.add('--init')
    while (cluster.size < size) await cluster.join()
    await cluster.steady()
    return cluster
  }

  get size(): number {
    return this.#daemons.length
  }

  get indices(): readonly number[] {
    return this.#daemons.map((_, index) => index)
  }

  get up(): readonly number[] {
    return this.indices.filter((index) => !this.#down.has(index))
  }

  daemon(index: number): DaemonProcess {
    const daemon = this.#daemons[index]
    if (daemon === undefined) throw new Error(`there is no daemon ${index}`)
    return daemon
  }

  /** A connection that is made anew when it was lost; rejects where nobody listens. */
  node(index: number): Promise<ConnectedNode> {
    const known = this.#nodes.get(index)
    if (known !== undefined) return known
    const node = this.daemon(index).connect()
    this.#nodes.set(index, node)
    node.catch(() => this.forget(index))
    return node
  }

  /** The connection is of no use any more. */
  forget(index: number): void {
    const node = this.#nodes.get(index)
    this.#nodes.delete(index)
    node?.then((one) => one.close()).catch(() => {})
  }

  wasHeldSince(index: number, ms: number): boolean {
    return this.#down.has(index) || (this.#heldUntilMs.get(index) ?? 0) >= ms
  }

  async add(...how: readonly string[]): Promise<number> {
    const index = this.size
    const daemon = this.machine.daemon(`d${index + 1}`, this.network.launcher(index))
    this.#daemons.push(daemon)
    this.#begin(index, ...how)
    const node = await this.node(index)
    await until('running', async () => (await node.status()).state === 'running', STEADY_MS)
    return index
  }

  async join(): Promise<number> {
    return await this.add('--join', await this.ticket(0))
  }

  async ticket(from: number): Promise<string> {
    const node = await this.node(from)
    return (await node.ticket.create({ uses: 0 })).ticket
  }

  async kill(...indices: readonly number[]): Promise<void> {
    for (const index of indices) this.#down.add(index)
    // All at once: none sees another go.
    await Promise.all(indices.map((index) => this.daemon(index).signal('SIGKILL')))
    for (const index of indices) this.forget(index)
  }

  /** All end in order, and stay members. */
  async stop(): Promise<void> {
    for (const index of this.indices) this.#down.add(index)
    await Promise.all(this.indices.map((index) => this.daemon(index).signal('SIGTERM')))
    for (const index of this.indices) this.forget(index)
  }

  restart(...indices: readonly number[]): void {
    for (const index of indices) this.#begin(index)
  }

  pause(index: number): void {
    this.#down.add(index)
    this.daemon(index).tell('SIGSTOP')
  }

  resume(index: number): void {
    this.daemon(index).tell('SIGCONT')
    this.#heldUntilMs.set(index, performance.now())
    this.#down.delete(index)
  }

  /** Its disk is lost; it joins anew under its old name, and the old disk is removed. */
  async wipe(index: number): Promise<void> {
    const lost = (await (await this.node(index)).status()).id
    await this.kill(index)
    rmSync(this.daemon(index).data, { recursive: true, force: true })
    const other = this.up[0]
    if (other === undefined) throw new Error('nobody is left to join')
    this.#begin(index, '--join', await this.ticket(other))
    const operator = await this.node(other)
    await until(
      'the old disk is removed',
      async () => {
        return await operator.member.remove(lost).then(
          () => true,
          () => false,
        )
      },
      STEADY_MS,
    )
  }

  /** Everybody is up, sees everybody, and nothing moves. */
  async steady(): Promise<void> {
    for (const index of this.indices) {
      await until(`d${index + 1} is well again`, () => this.#isWell(index), STEADY_MS)
    }
  }

  async #isWell(index: number): Promise<boolean> {
    try {
      const node = await this.node(index)
      const { state, members, movingPartitions } = await node.status({ deadlineMs: 2000 })
      if (state !== 'running' || members.alive < this.size || movingPartitions > 0) return false
      // Who was taken in holds nothing yet: it is well when it has its share.
      const { partitions, members: taken } = await node.topology.show()
      const holders = new Set(partitions.flatMap(({ replicas }) => replicas))
      if (taken.length !== this.size || holders.size !== this.size) return false
      const replicas = Math.min(3, this.size)
      if (partitions.some((each) => each.replicas.length < replicas)) return false
      await node.reg.set(`well/${index}`, 'well', { deadlineMs: 2000 })
      return true
    } catch {
      this.forget(index)
      return false
    }
  }

  /** The last ones leave, one after the other, and end by themselves. */
  async leave(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const daemon = this.daemon(this.size - 1)
      const command = [ATOLL, '--socket', daemon.socket, 'leave']
      const { status, err } = await this.machine.run(process.execPath, command, STEADY_MS)
      if (status !== 0) throw new Error(`${daemon.name} does not leave: ${err}`)
      await daemon.ended()
      this.forget(this.size - 1)
      this.#daemons.pop()
    }
    await this.steady()
  }

  async end(): Promise<void> {
    for (const index of this.indices) this.forget(index)
    await this.machine.end()
    this.network.end()
  }

  #begin(index: number, ...how: readonly string[]): void {
    const listen = this.network.listen(index)
    this.daemon(index).start('--listen', listen, '--profile', 'lan', ...how)
    this.#heldUntilMs.set(index, performance.now())
    this.#down.delete(index)
  }
}
