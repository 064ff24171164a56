/** A few meshes on the simulated network, and the certificates that let them talk. */
import { AdmissionKey } from '../../src/mesh/admission-key.ts'
import { issueCertificate } from '../../src/mesh/certificate.ts'
import type { SelfFacts } from '../../src/mesh/hello.ts'
import type { KnownStarts } from '../../src/mesh/known-starts.ts'
import type { PeerEvidence, RemotePeer, Role } from '../../src/mesh/mesh.ts'
import { createMesh, type MeshNode } from '../../src/mesh/mesh-node.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import {
  ed25519FromSeed,
  ed25519PublicBytes,
  idFromBytes,
  peerIdFromPublicKey,
} from '../../src/base/ids.ts'
import { Fabric, type SimHost } from '../sim/fabric.ts'
import { Kernel } from '../sim/kernel.ts'
import type { SimProcess } from '../sim/process.ts'
import { HostClock, SimClock } from '../sim/sim-clock.ts'
import { SimNetwork } from '../sim/sim-network.ts'
import { SimRandom } from '../sim/sim-random.ts'

export const NETWORK_KEY = new Uint8Array(32).fill(7)
const PORT = 4001

export interface LoggedLine {
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface Machine {
  readonly host: SimHost
  readonly hostClock: HostClock
  readonly privateKeySeed: Uint8Array
  readonly peer: string
  storageId: string
  boot: number
}

export interface Running {
  readonly machine: Machine
  readonly process: SimProcess
  readonly network: SimNetwork
  readonly clock: SimClock
  readonly random: SimRandom
  readonly mesh: MeshNode
  readonly evidence: PeerEvidence[]
  readonly gossip: { readonly from: RemotePeer; readonly message: Uint8Array }[]
  readonly log: LoggedLine[]
  readonly refused: string[]
}

export interface StartOptions {
  readonly role?: Role
  readonly self?: Partial<SelfFacts>
  readonly starts?: KnownStarts
  readonly gate?: (remote: RemotePeer) => ErrorCode | null
  readonly before?: (mesh: MeshNode) => void
  readonly networkKey?: Uint8Array
}

export class World {
  readonly kernel: Kernel
  readonly fabric: Fabric
  readonly random: SimRandom
  readonly key: AdmissionKey

  constructor(seed: string) {
    this.kernel = new Kernel()
    this.random = new SimRandom(seed)
    this.fabric = new Fabric(this.kernel, this.random.fork('net'))
    this.key = new AdmissionKey(this.random.fork('admission').bytes(32))
  }

  run<T>(script: () => Promise<T>): Promise<T> {
    return this.kernel.run(script)
  }

  machine(name: string): Machine {
    const random = this.random.fork(`machine ${name}`)
    const privateKeySeed = random.bytes(32)
    const peer = peerIdFromPublicKey(ed25519PublicBytes(ed25519FromSeed(privateKeySeed)))
    const storageId = idFromBytes(random.bytes(16))
    const host = this.fabric.addHost(name)
    return { host, hostClock: new HostClock(this.kernel), privateKeySeed, peer, storageId, boot: 0 }
  }

  /** Machines in the order of their peer ids: the first one's dials stay. */
  machines(...names: readonly string[]): Machine[] {
    return names.map((name) => this.machine(name)).sort((a, b) => (a.peer < b.peer ? -1 : 1))
  }

  addressOf(machine: Machine): string {
    return `/ip4/${machine.host.ip}/tcp/${PORT}`
  }

  facts(machine: Machine, role: Role = 'member'): SelfFacts {
    const issuedMs = machine.hostClock.wallMs()
    const expiresMs = issuedMs + 1e9
    const certificate = issueCertificate(this.key, {
      peer: machine.peer,
      role,
      issuedMs,
      expiresMs,
    })
    const storageId = role === 'edge' ? '' : machine.storageId
    return {
      clusterId: this.key.clusterId,
      storageId,
      boot: machine.boot,
      run: machine.boot,
      past: Array.from({ length: machine.boot - 1 }, (_, i) => machine.boot - 1 - i),
      role,
      certificate,
    }
  }

  /** Another start of the machine's node. */
  async start(machine: Machine, options: StartOptions = {}): Promise<Running> {
    machine.boot++
    const process = this.kernel.spawn(machine.host.name)
    const clock = new SimClock(this.kernel, process, machine.hostClock)
    const random = this.random.fork(`${machine.host.name} ${machine.boot}`)
    const network = new SimNetwork(this.fabric, machine.host, process, {
      privateKeySeed: machine.privateKeySeed,
      networkKey: options.networkKey ?? NETWORK_KEY,
      listen: [this.addressOf(machine)],
      announce: [],
    })
    const log: LoggedLine[] = []
    const mesh = createMesh({
      network,
      clock,
      random,
      log: {
        allows: () => true,
        write: (_level, event, fields = {}) => void log.push({ event, fields }),
      },
      self: { ...this.facts(machine, options.role), ...options.self },
      gate: options.gate ?? (() => null),
      ...(options.starts !== undefined && { starts: options.starts }),
    })
    const running: Running = {
      machine,
      process,
      network,
      clock,
      random,
      mesh,
      evidence: [],
      gossip: [],
      log,
      refused: [],
    }
    mesh.onEvidence((evidence) => running.evidence.push(evidence))
    mesh.onGossip((from, message) => running.gossip.push({ from, message }))
    mesh.onRefused((peer, error) => running.refused.push(`${peer} ${error.code}`))
    options.before?.(mesh)
    await mesh.start()
    return running
  }

  /** kill −9: the machine's kernel closes what the process had open. */
  kill(running: Running): void {
    running.network.crash()
    this.kernel.kill(running.process)
  }

  introduce(...all: readonly Running[]): void {
    for (const one of all) {
      for (const other of all) {
        if (one === other) continue
        one.mesh.learnAddresses(other.machine.peer, [this.addressOf(other.machine)])
      }
    }
  }

  /** Waits in virtual time. */
  async until(condition: () => boolean, what: string, limitMs = 60_000): Promise<void> {
    const endMs = this.kernel.nowMs + limitMs
    while (!condition()) {
      if (this.kernel.nowMs > endMs) throw new Error(`waited in vain: ${what}`)
      await this.kernel.sleep(1)
    }
  }
}

export function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values)
}
