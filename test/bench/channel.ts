/**
 * What a request and its answer cost in the mesh alone, both ends in this process: run it as
 * `node test/bench/channel.ts`. Half of the figure is each side's share.
 */
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { SystemRandom } from '../../src/adapters/system-random.ts'
import {
  ed25519FromSeed,
  ed25519PublicBytes,
  idFromBytes,
  peerIdFromPublicKey,
} from '../../src/base/ids.ts'
import { AdmissionKey } from '../../src/mesh/admission-key.ts'
import { issueCertificate } from '../../src/mesh/certificate.ts'
import { createMesh, type MeshNode } from '../../src/mesh/mesh-node.ts'
import { MemoryNetwork } from './memory-network.ts'

const KIND = 1000
const BODY_BYTES = 128
const REQUESTS = 400_000
const DEPTHS = [1, 16, 64, 256, 1024]

const clock = new SystemClock()
const random = new SystemRandom()
const key = AdmissionKey.generate(random)

function newMesh(network: MemoryNetwork): MeshNode {
  const issuedMs = clock.wallMs()
  const facts = { peer: network.self, role: 'member', issuedMs, expiresMs: issuedMs + 1e9 } as const
  const mesh = createMesh({
    network,
    clock,
    random,
    log: { write: () => undefined },
    self: {
      clusterId: key.clusterId,
      storageId: idFromBytes(random.bytes(16)),
      boot: 1,
      run: 1,
      role: 'member',
      certificate: issueCertificate(key, facts),
    },
    gate: () => null,
  })
  mesh.handle(KIND, (_from, body) => body)
  return mesh
}

function newPeer(): string {
  return peerIdFromPublicKey(ed25519PublicBytes(ed25519FromSeed(random.bytes(32))))
}

const left = new MemoryNetwork(newPeer())
const right = new MemoryNetwork(newPeer())
left.other = right
right.other = left
const a = newMesh(left)
const b = newMesh(right)
await a.start()
await b.start()
const keepAlive = setInterval(() => undefined, 1000)

async function client(requests: number, body: Uint8Array): Promise<void> {
  for (let i = 0; i < requests; i++) {
    await a.request(b.self.peer, KIND, body, { timeoutMs: 5000 })
  }
}

for (const depth of DEPTHS) {
  const total = depth === 1 ? REQUESTS / 10 : REQUESTS
  const body = random.bytes(BODY_BYTES)
  const each = Math.floor(total / depth)
  await Promise.all(Array.from({ length: depth }, () => client(Math.ceil(each / 10), body)))
  const before = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: depth }, () => client(each, body)))
  const ns = ((performance.now() - start) * 1e6) / (each * depth)
  const cpu = process.cpuUsage(before)
  const cpuNs = ((cpu.user + cpu.system) * 1000) / (each * depth)
  console.log(`depth ${depth}: ${Math.round(ns)} ns, cpu ${Math.round(cpuNs)} ns per request`)
}
await a.stop()
await b.stop()
clearInterval(keepAlive)
