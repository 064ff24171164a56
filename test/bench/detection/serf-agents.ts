/**
 * Serf agents on loopback, of the LAN profile, as the other side of the detection figures. What
 * they know is read from their logs: Serf's own event stream joins the changes of up to three
 * seconds, so by it they would know later than they do.
 */
import { join } from 'node:path'
import type { Child, Children } from '../harness/children.ts'
import { until } from '../harness/children.ts'
import { FollowedLog } from './followed-log.ts'
import type { MemberCluster } from './member-cluster.ts'
import { serfChange } from './serf-line.ts'
import { Sightings } from './sightings.ts'

const SETTLE_MS = 60_000

interface Agent {
  readonly name: string
  readonly bind: string
  readonly rpc: string
  readonly child: Child
  readonly log: FollowedLog
}

export class SerfAgents implements MemberCluster {
  readonly name = 'serf'
  readonly members: readonly string[]
  readonly sightings = new Sightings()
  readonly #children: Children
  readonly #dir: string
  readonly #ports: readonly number[]
  readonly #agents = new Map<string, Agent>()

  private constructor(children: Children, members: readonly string[], ports: readonly number[]) {
    this.#children = children
    this.#dir = children.directory('serf')
    this.members = members
    this.#ports = ports
  }

  /** Starts `count` agents; resolves when all see all alive. */
  static async start(children: Children, count: number): Promise<SerfAgents> {
    const members = Array.from({ length: count }, (_, i) => `s${i + 1}`)
    const serf = new SerfAgents(children, members, await children.freePorts(2 * count))
    const startedMs = performance.now()
    for (const member of members) serf.#start(member)
    try {
      await serf.#settled(members, startedMs)
      return serf
    } catch (error) {
      await serf.stop()
      throw error
    }
  }

  async crash(member: string): Promise<void> {
    const agent = this.#agent(member)
    await agent.child.signal('SIGKILL')
    agent.log.close()
    this.#agents.delete(member)
  }

  async restart(member: string): Promise<void> {
    const startedMs = performance.now()
    this.#start(member)
    await this.#settled([member], startedMs)
  }

  async leave(member: string): Promise<void> {
    // What `serf leave` does too: the agent says goodbye, and then ends.
    await this.#agent(member).child.signal('SIGINT')
    this.#agent(member).log.close()
    this.#agents.delete(member)
  }

  pids(): readonly number[] {
    return [...this.#agents.values()].map(({ child }) => child.pid)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#agents.keys()].map((member) => this.crash(member)))
    this.#children.remove(this.#dir)
  }

  #start(member: string): void {
    const index = this.members.indexOf(member)
    const bind = `127.0.0.1:${this.#ports[2 * index]}`
    const rpc = `127.0.0.1:${this.#ports[2 * index + 1]}`
    const log = new FollowedLog(join(this.#dir, `${member}.log`), (line) => {
      const change = serfChange(line)
      if (change !== null) {
        this.sightings.add({ observer: member, ...change, atMs: performance.now() })
      }
    })
    const others = [...this.#agents.values()].slice(0, 3)
    const args = ['agent', `-node=${member}`, `-bind=${bind}`, `-rpc-addr=${rpc}`, '-profile=lan']
    args.push('-log-level=info', '-retry-interval=1s')
    args.push(...others.map((other) => `-retry-join=${other.bind}`))
    const child = this.#children.spawn(member, 'serf', args, {
      stdio: ['ignore', log.writeFd, log.writeFd],
    })
    this.#agents.set(member, { name: member, bind, rpc, child, log })
  }

  /** Until each of `members` sees all that run alive, and they it. */
  async #settled(members: readonly string[], fromMs: number): Promise<void> {
    const running = [...this.#agents.keys()]
    await until(
      SETTLE_MS,
      () => {
        const seen = new Set(
          this.sightings
            .since(fromMs)
            .filter(({ kind }) => kind === 'alive')
            .map(({ observer, member }) => `${observer} ${member}`),
        )
        return members.every((member) =>
          running.every((each) => seen.has(`${member} ${each}`) && seen.has(`${each} ${member}`)),
        )
      },
      `serf: ${members.join(', ')} did not meet all others`,
    )
  }

  #agent(member: string): Agent {
    const agent = this.#agents.get(member)
    if (agent === undefined) throw new Error(`${member} does not run`)
    return agent
  }
}
