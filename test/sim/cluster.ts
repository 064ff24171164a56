/** A cluster of whole nodes in a world: how it forms, grows, and what it looks like when well. */
import type { NodeApi, Status } from '../../src/node/api.ts'
import { isAtollError } from '../../src/base/errors.ts'
import { ProcessDied, type World } from './world.ts'

export interface SimNode extends NodeApi {
  stop(): Promise<void>
}

const FORM_MS = 300_000

export class Cluster<N extends SimNode> {
  readonly #world: World<N>
  readonly #members = new Set<number>()
  readonly #edges = new Set<number>()
  #ticket = ''
  /** Names of the dead that nobody bears any more, and some still know. */
  #ghosts = 0

  constructor(world: World<N>) {
    this.#world = world
  }

  /** Machines whose nodes have joined. */
  get members(): ReadonlySet<number> {
    return this.#members
  }

  /** Whose nodes clients ask: the edges where there are any, and nobody else then. */
  serves(index: number): boolean {
    return (this.#edges.size > 0 ? this.#edges : this.#members).has(index)
  }

  /** Starts a node that stores nothing, while all is well. */
  async joinEdge(index: number): Promise<void> {
    const { ticket } = await this.#on(this.#anyone(), (node) =>
      node.ticket.create({ role: 'edge' }),
    )
    await this.#world.start(index)
    await this.#on(index, (node) => node.join(ticket))
    this.#edges.add(index)
  }

  /** The first machine founds it, the others join; resolves when all hold data and nothing moves. */
  async form(size: number): Promise<void> {
    await this.#world.start(0)
    await this.#on(0, (node) => node.init())
    this.#members.add(0)
    await this.#renewTicket()
    for (let index = 1; index < size; index++) await this.join(index)
    await this.settled()
  }

  /** Starts a node and lets it join, again and again when faults prevent it. */
  async join(index: number): Promise<void> {
    const host = this.#world.host(index)
    const endUs = this.#world.kernel.nowUs + FORM_MS * 1000
    for (;;) {
      try {
        if (!host.alive && host.starts === 0) await this.#world.start(index)
        if (this.#ticket === '') await this.#renewTicket()
        await this.#on(index, (node) => node.join(this.#ticket))
        break
      } catch (error) {
        if (isAtollError(error, 'ALREADY_CLAIMED')) break
        const excused = error instanceof ProcessDied || (isAtollError(error) && error.retryable)
        if (!excused || this.#world.kernel.nowUs > endUs) throw error
        await this.#world.sleep(500)
        // Whom the ticket names may have moved to another address.
        if (isAtollError(error, 'UNREACHABLE')) await this.#renewTicket().catch(() => undefined)
      }
    }
    this.#members.add(index)
  }

  async #renewTicket(): Promise<void> {
    const { ticket } = await this.#on(this.#anyone(), (node) =>
      node.ticket.create({ ttlMs: 24 * 3_600_000, uses: 0 }),
    )
    this.#ticket = ticket
  }

  /** Its node is gone for good, and another one may join on the same machine. */
  expel(index: number): void {
    this.#members.delete(index)
    this.#ghosts++
    // It may name only this machine.
    this.#ticket = ''
  }

  /** Its node leaves in order. */
  forget(index: number): void {
    this.#members.delete(index)
  }

  /** The founder if it is here. */
  #anyone(): number {
    const up = [...this.#members].filter((index) => this.#world.host(index).running)
    return Math.min(...(up.length > 0 ? up : [0]))
  }

  /** Nobody suspects anybody, all know the same topology, and nothing moves. */
  async settled(): Promise<void> {
    let why = ''
    try {
      await this.#world.until('the cluster settles', FORM_MS, async () => {
        why = await this.#unsettled()
        return why === ''
      })
    } catch (error) {
      throw new Error(`the cluster does not settle: ${why}`, { cause: error })
    }
  }

  async #unsettled(): Promise<string> {
    const statuses: Status[] = []
    const all = [...this.#members, ...this.#edges]
    for (const index of all) statuses.push(await this.#on(index, (node) => node.status()))
    const size = all.length
    const [first] = statuses
    for (const [i, status] of statuses.entries()) {
      const { alive, suspect, dead } = status.members
      if (status.state !== 'running') return `n${i} is ${status.state}`
      if (alive !== size) return `n${i} sees ${alive} alive, ${suspect} suspect, ${dead} dead`
      if (suspect > 0 || dead > this.#ghosts) return `n${i} doubts ${suspect + dead}`
      if (status.movingPartitions > 0) return `n${i}: ${status.movingPartitions} partitions move`
      if (status.topology !== first?.topology) return `n${i} knows topology ${status.topology}`
    }
    const { members } = await this.#on(this.#anyone(), (node) => node.topology.show())
    const { size: stores } = this.#members
    return members.length === stores ? '' : `${members.length} of ${stores} hold data`
  }

  /** Every replica of the key answers, all with the same context. */
  async replicasAgree(key: string): Promise<string> {
    const { replicas } = await this.#on(this.#anyone(), (node) => node.explain(key))
    const contexts = new Set(replicas.map(({ context }) => context))
    if (replicas.some(({ answered }) => !answered)) return `a replica of ${key} does not answer`
    return contexts.size === 1 ? '' : `replicas of ${key} hold ${[...contexts].join(' and ')}`
  }

  async converged(keys: readonly string[], limitMs: number): Promise<void> {
    let why = ''
    const left = new Set(keys)
    try {
      await this.#world.until('replicas converge', limitMs, async () => {
        for (const key of left) {
          why = await this.replicasAgree(key)
          if (why !== '') return false
          left.delete(key)
        }
        return true
      })
    } catch (error) {
      throw new Error(`replicas do not converge: ${why}`, { cause: error })
    }
  }

  async stop(): Promise<void> {
    for (const { index } of this.#world.hosts) await this.#world.stop(index)
  }

  #on<T>(index: number, run: (node: N) => Promise<T>): Promise<T> {
    return this.#world.call(index, (node) => {
      if (node === null) throw new ProcessDied(`n${index} has not started yet`)
      return run(node)
    })
  }
}
