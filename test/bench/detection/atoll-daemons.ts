/** Our daemons, each watched through its own `member.watch`, as one side of the detection figures. */
import type { Children } from '../harness/children.ts'
import { type Daemon, Mesh } from '../ours/daemons.ts'
import type { RpcConnection } from '../ours/rpc-connection.ts'
import type { MemberCluster } from './member-cluster.ts'
import { type ChangeKind, Sightings } from './sightings.ts'

interface Change {
  readonly kind: string
  readonly member: { readonly name: string; readonly state: string }
}

export class AtollDaemons implements MemberCluster {
  readonly name = 'atoll'
  readonly members: readonly string[]
  readonly sightings = new Sightings()
  readonly #mesh: Mesh
  readonly #watches = new Map<string, RpcConnection>()

  private constructor(mesh: Mesh) {
    this.#mesh = mesh
    this.members = mesh.daemons.map(({ name }) => name)
  }

  /** Starts `count` daemons; resolves when all see all alive and nothing moves. */
  static async start(children: Children, count: number): Promise<AtollDaemons> {
    const daemons = new AtollDaemons(await Mesh.start(children, count))
    for (const daemon of daemons.#mesh.daemons) await daemons.#watch(daemon)
    return daemons
  }

  async crash(member: string): Promise<void> {
    await this.#daemon(member).signal('SIGKILL')
    this.#watches.delete(member)
  }

  async restart(member: string): Promise<void> {
    const daemon = this.#daemon(member)
    daemon.start([])
    await this.#mesh.settled(this.members.length)
    await this.#watch(daemon)
  }

  async leave(member: string): Promise<void> {
    // It may end before its answer is out; whether it left is seen by the others.
    await this.#daemon(member)
      .call('leave')
      .catch(() => undefined)
  }

  pids(): readonly number[] {
    return this.#mesh.pids
  }

  async stop(): Promise<void> {
    for (const connection of this.#watches.values()) connection.close()
    await this.#mesh.stop()
  }

  async #watch(daemon: Daemon): Promise<void> {
    const observer = daemon.name
    const connection = await daemon.connect()
    connection.onNotification = (params) => {
      const { events } = params as { readonly events: readonly Change[] }
      for (const change of events) {
        const kind = kindOf(change)
        if (kind === null) continue
        this.sightings.add({ observer, kind, member: change.member.name, atMs: performance.now() })
      }
    }
    await connection.call('member.watch', {})
    this.#watches.set(observer, connection)
  }

  #daemon(member: string): Daemon {
    const daemon = this.#mesh.daemons.find(({ name }) => name === member)
    if (daemon === undefined) throw new Error(`there is no ${member}`)
    return daemon
  }
}

/** A watch begins with everybody as they are: a `join` in whatever state. */
function kindOf({ kind, member }: Change): ChangeKind | null {
  switch (kind) {
    case 'join':
    case 'alive':
      return member.state === 'alive' ? 'alive' : null
    case 'suspect':
    case 'dead':
    case 'left':
      return kind
    default:
      return null
  }
}
