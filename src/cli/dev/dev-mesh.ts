/**
 * A throw-away mesh: daemons on this machine in a temporary directory, and the faults that people
 * want to see. It ends with the process that started it and leaves nothing behind.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtollError } from '../../base/errors.ts'
import type { ConnectedNode } from '../../rpc/connect.ts'
import type { Environment } from '../../rpc/socket-path.ts'
import { DevNode } from './dev-node.ts'

export interface DevMeshOptions {
  readonly nodes: number
  readonly atolld: string
  readonly env: Environment
  readonly onNote: (text: string) => void
}

export interface OrderResult {
  /** Names of the daemons it was done to. */
  readonly nodes: readonly string[]
  /** Until the others saw it; null when they did not in time. */
  readonly seenAfterMs: number | null
}

const READY_MS = 60_000
const SEEN_MS = 20_000
const POLL_MS = 20
/** From as many on, one may fail. */
const REPLICAS = 3

export class DevMesh {
  readonly directory = mkdtempSync(join(tmpdir(), 'atoll-dev-'))
  readonly nodes: readonly DevNode[]
  #ending = false

  constructor({ nodes, atolld, env, onNote }: DevMeshOptions) {
    const { directory } = this
    writeFileSync(join(directory, 'config.json'), '{}\n')
    const onUnexpectedEnd = (node: DevNode) => {
      if (!this.#ending) onNote(`${node.name} ended: ${node.lastWords()}`)
    }
    const names = Array.from({ length: nodes }, (_, i) => String.fromCharCode(97 + i))
    this.nodes = names.map((name) => new DevNode({ name, directory, atolld, env, onUnexpectedEnd }))
  }

  /** Resolves with the failures it tolerates, once all are alive and hold their data. */
  async start(): Promise<number> {
    const [founder, ...others] = this.nodes
    if (founder === undefined) throw new AtollError('USAGE', 'a mesh has at least one daemon')
    // All start at once; the joiners are ready by the time that there is a ticket.
    founder.start(['--init'])
    for (const node of others) node.start([])
    const first = await founder.connect()
    try {
      const { ticket } = await first.ticket.create({ uses: 0 })
      await Promise.all(others.map((node) => using(node, (api) => api.join(ticket))))
      await this.#settled(READY_MS)
      return await tolerated(first, this.nodes.length)
    } finally {
      await first.close()
    }
  }

  async end(): Promise<void> {
    this.#ending = true
    await Promise.all(this.nodes.map((node) => node.kill()))
    rmSync(this.directory, { recursive: true, force: true })
  }

  async harm(order: 'kill' | 'pause' | 'cut', name: string): Promise<OrderResult> {
    const node = this.#find(name)
    await node[order]()
    return { nodes: [node.name], seenAfterMs: await this.#noticed(node) }
  }

  async heal(name: string | undefined): Promise<OrderResult> {
    const nodes = name === undefined ? this.nodes : [this.#find(name)]
    const harmed = nodes.filter(({ state }) => state !== 'running')
    const started = performance.now()
    for (const node of harmed) await node.heal()
    const settled = await this.#settled(SEEN_MS).then(
      () => true,
      () => false,
    )
    const seenAfterMs = settled ? Math.round(performance.now() - started) : null
    return { nodes: harmed.map((node) => node.name), seenAfterMs }
  }

  #find(name: string): DevNode {
    const found = this.nodes.find((node) => node.name === name.replace(/^dev\//, ''))
    if (found !== undefined) return found
    throw new AtollError('NOT_FOUND', `the mesh has no daemon "${name}"`, {
      hint: `there are: ${this.nodes.map((node) => node.name).join(', ')}`,
    })
  }

  /** Until a running daemon believes the harmed one dead. */
  async #noticed(harmed: DevNode): Promise<number | null> {
    const witness = this.nodes.find(({ state }) => state === 'running')
    if (witness === undefined) return null
    const started = performance.now()
    return await using(witness, async (api) => {
      while (performance.now() - started < SEEN_MS) {
        const { state } = await api.member.show(harmed.name)
        if (state === 'dead' || state === 'left') return Math.round(performance.now() - started)
        await pause()
      }
      return null
    })
  }

  /** Until all running daemons see each other alive, and nothing moves. */
  async #settled(withinMs: number): Promise<void> {
    const running = this.nodes.filter(({ state }) => state === 'running')
    const end = performance.now() + withinMs
    await Promise.all(
      running.map((node) =>
        using(node, async (api) => {
          while (!(await this.#isSettled(node, api, running.length))) {
            if (performance.now() > end) {
              throw new AtollError('TIMEOUT', `${node.name} did not settle in ${withinMs} ms`)
            }
            await pause()
          }
        }),
      ),
    )
  }

  async #isSettled(node: DevNode, api: ConnectedNode, running: number): Promise<boolean> {
    const { state, members, movingPartitions, addresses } = await api.status()
    if (state !== 'running' || members.alive !== running || movingPartitions > 0) return false
    node.remember(addresses)
    const { members: placed } = await api.topology.show()
    return placed.length === this.nodes.length
  }
}

/** On a busy machine one may be suspected for a moment just then: that is waited for. */
async function tolerated(api: ConnectedNode, nodes: number): Promise<number> {
  const end = performance.now() + SEEN_MS
  for (;;) {
    const { toleratesFailures } = await api.status()
    if (toleratesFailures > 0 || nodes < REPLICAS || performance.now() > end) {
      return toleratesFailures
    }
    await pause()
  }
}

async function using<T>(node: DevNode, run: (api: ConnectedNode) => Promise<T>): Promise<T> {
  const api = await node.connect()
  try {
    return await run(api)
  } finally {
    await api.close()
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS))
}
