/**
 * What a request and its answer cost in the mesh alone, both ends in this process: half of a figure
 * is each side's share.
 */
import { SystemClock } from '../../../src/adapters/system-clock.ts'
import { SystemRandom } from '../../../src/adapters/system-random.ts'
import {
  ed25519FromSeed,
  ed25519PublicBytes,
  idFromBytes,
  peerIdFromPublicKey,
} from '../../../src/base/ids.ts'
import { AdmissionKey } from '../../../src/mesh/admission-key.ts'
import { issueCertificate } from '../../../src/mesh/certificate.ts'
import { createMesh, type MeshNode } from '../../../src/mesh/mesh-node.ts'
import { type Bench, choose } from '../harness/bench.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Report } from '../harness/report.ts'
import { figure } from '../harness/results.ts'
import type { Section } from '../harness/section.ts'
import { MemoryNetwork } from './memory-network.ts'

const KIND = 1000
const BODY_BYTES = 128
const ROUNDS = 3
const DEPTHS = [1, 16, 64, 256, 1024]

export const channelSection: Section = {
  name: 'channel',
  title: 'A request of 128 bytes and its answer through the mesh, without a network',
  needs: [],
  systems: [],
  run: async (bench: Bench, report: Report) => {
    const pair = await connected()
    try {
      for (const depth of DEPTHS) {
        const full = choose(bench, 200_000, 40_000)
        report.row(await requests(pair, depth, depth === 1 ? full / 10 : full))
      }
    } finally {
      await pair.stop()
    }
  },
}

interface Pair {
  request(): Promise<unknown>
  stop(): Promise<void>
}

async function requests(pair: Pair, depth: number, count: number) {
  await pipelined(count / 10, depth, () => pair.request())
  const times: number[] = []
  const cpus: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    const start = performance.now()
    await pipelined(count, depth, () => pair.request())
    times.push(((performance.now() - start) * 1e6) / count)
    const { user, system } = process.cpuUsage(before)
    cpus.push(((user + system) * 1000) / count)
  }
  return {
    what: 'request',
    setting: `${depth} in flight`,
    figures: { time: figure('ns', 'less', times), CPU: figure('ns', 'less', cpus) },
  }
}

async function connected(): Promise<Pair> {
  const random = new SystemRandom()
  const key = AdmissionKey.generate(random)
  const newPeer = () => peerIdFromPublicKey(ed25519PublicBytes(ed25519FromSeed(random.bytes(32))))
  const left = new MemoryNetwork(newPeer())
  const right = new MemoryNetwork(newPeer())
  left.other = right
  right.other = left
  const a = newMesh(left, key, random)
  const b = newMesh(right, key, random)
  await a.start()
  await b.start()
  const body = random.bytes(BODY_BYTES)
  return {
    request: () => a.request(b.self.peer, KIND, body, { timeoutMs: 5000 }),
    stop: async () => {
      await a.stop()
      await b.stop()
    },
  }
}

function newMesh(network: MemoryNetwork, key: AdmissionKey, random: SystemRandom): MeshNode {
  const clock = new SystemClock()
  const issuedMs = clock.wallMs()
  const facts = { peer: network.self, role: 'member', issuedMs, expiresMs: issuedMs + 1e9 } as const
  const mesh = createMesh({
    network,
    clock,
    random,
    log: { allows: () => false, write: () => undefined },
    self: {
      clusterId: key.clusterId,
      storageId: idFromBytes(random.bytes(16)),
      boot: 1,
      run: 1,
      past: [],
      role: 'member',
      certificate: issueCertificate(key, facts),
    },
    gate: () => null,
  })
  mesh.handle(KIND, (_from, body) => body)
  return mesh
}
