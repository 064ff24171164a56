/**
 * Mesh, membership and disk, without a store: under random faults calls between peers answer in
 * time or fail as they may; afterwards all views are equal. Then a process is killed, and all
 * others must know soon; and a fifth of all packets is lost, and nobody may die of it.
 */
import { AtollError } from '../../../src/base/errors.ts'
import type { PeerId } from '../../../src/base/ids.ts'
import type { Database } from '../../../src/disk/database.ts'
import { openDatabase } from '../../../src/disk/log-database.ts'
import { AdmissionKey } from '../../../src/mesh/admission-key.ts'
import { issueCertificate } from '../../../src/mesh/certificate.ts'
import type { Mesh } from '../../../src/mesh/mesh.ts'
import { createMesh } from '../../../src/mesh/mesh-node.ts'
import { openIdentity } from '../../../src/node/identity.ts'
import type { Seams } from '../../../src/seams/seams.ts'
import type { Storage } from '../../../src/seams/storage.ts'
import { createMembership, type SwimMembership } from '../../../src/swim/membership.ts'
import { LAN } from '../../../src/swim/parameters.ts'
import { Faults, swarm } from '../faults.ts'
import { SimulationError } from '../kernel.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'
import { SimRandom } from '../sim-random.ts'
import { SimDisk } from '../sim-storage.ts'
import { type HostInfo, ProcessDied, World } from '../world.ts'

const DURATION_MS = 60_000
const LOSSY_MS = 60_000
const LOSS = 0.2
const LONG_PARTING_MS = 120_000
/** Evidence of a crash (src/swim/README.md) makes all know within about two seconds. */
const DETECTION_MS_MAX = 12_000
const ECHO = 60_000
const CALL_MS = 2000
/** A request that ends so long after its deadline has hung. */
const OVERDUE_MS = 1000

interface Seat {
  readonly mesh: Mesh
  readonly members: SwimMembership
  readonly database: Database
  readonly storage: Storage
}

interface Meeting {
  readonly peers: Map<number, { readonly peer: PeerId; readonly addresses: readonly string[] }>
  /** Whom anybody called dead, as host index of the dead. */
  deaths: number
}

export const members: Scenario = {
  name: 'members',
  about: 'mesh and membership: views equal after faults, a kill known soon, no false deaths',
  run: runMembers,
}

async function runMembers(context: ScenarioContext): Promise<ScenarioReport> {
  const random = new SimRandom(context.seed).fork('members')
  const size = 3 + random.int(7)
  const meeting: Meeting = { peers: new Map(), deaths: 0 }
  const world = new World<Seat>({
    seed: context.seed,
    hosts: size,
    program: {
      start: (seams, host) => startSeat(seams, host, meeting),
      stop: stopSeat,
    },
    disk: (_name, disk) => new SimDisk(disk),
    kernel: { trace: context.trace, limitMs: 3_600_000 },
  })
  context.onFailure(() => world.log.lines(150))
  const kinds = swarm(random)
  const faults = new Faults(world, world.random.fork('faults'), {
    kinds,
    gapMs: random.between(1000, 8000),
    downMax: size - 1,
  })
  const calls = { ok: 0, failed: 0 }
  let knownMs = 0
  await world.run(async () => {
    for (const { index } of world.hosts) await world.start(index)
    await viewsEqual(world, 60_000)
    const traffic = { stopped: false, paused: false }
    const caller = callAround(world, world.random.fork('calls'), traffic, calls)
    faults.run().catch((error: unknown) => world.kernel.fail(error))
    await world.sleep(DURATION_MS)
    // Membership must heal by itself: a call to a peer would dial it.
    traffic.paused = true
    await faults.stop()
    await viewsEqual(world, 180_000)
    await partLong(world, random)
    traffic.paused = false
    await world.sleep(30_000)
    knownMs = await killOne(world, random.int(size))
    await viewsEqual(world, 120_000)
    await loseSome(world, meeting)
    traffic.stopped = true
    await caller
    await viewsEqual(world, 60_000)
    for (const { index } of world.hosts) await world.stop(index)
  })
  return {
    traceHash: world.kernel.traceHash,
    events: world.kernel.events,
    simulatedMs: world.kernel.nowMs,
    operations: calls.ok,
    faults: faults.total + 1,
    notes: `nodes ${size} · ${kinds.join(' ')} · failed ${calls.failed} · kill known after ${knownMs} ms`,
  }
}

async function startSeat(seams: Seams, host: HostInfo, meeting: Meeting): Promise<Seat> {
  const { clock, log, random } = seams
  const storage = await seams.storage('/data')
  const database = await openDatabase({ storage, clock, log })
  const identity = await openIdentity(storage, database, random, false)
  const network = seams.network({
    privateKeySeed: identity.privateKeySeed,
    networkKey: new Uint8Array(32),
    listen: ['/ip4/0.0.0.0/tcp/4410'],
    announce: [],
  })
  const key = new AdmissionKey(new Uint8Array(32).fill(1))
  const wallMs = clock.wallMs()
  const certificate = issueCertificate(key, {
    peer: identity.peer,
    role: 'member',
    issuedMs: wallMs,
    expiresMs: wallMs + 365 * 24 * 3_600_000,
  })
  const { clusterId } = key
  const { storageId, boot } = identity
  const [run = 0, ...past] = identity.runs
  const self = {
    clusterId,
    storageId,
    boot,
    run,
    past,
    role: 'member',
    certificate,
  } as const
  const mesh = createMesh({ network, clock, random, log, self, gate: () => null })
  mesh.handle(ECHO, (_from, body) => body)
  const facts = { name: host.name, zone: '', role: 'member', storageId, boot, capacity: 1 } as const
  const membership = createMembership({
    mesh,
    clock,
    random,
    log,
    database,
    facts: { ...facts, addresses: [], tags: {} },
    profile: LAN,
    digest: () => 0,
    onDigest: () => undefined,
  })
  membership.subscribe(({ kind }) => {
    if (kind === 'dead') meeting.deaths++
  })
  await mesh.start()
  meeting.peers.set(host.index, { peer: identity.peer, addresses: mesh.addresses() })
  const contact = meeting.peers.get(0)
  await membership.start(contact === undefined || host.index === 0 ? [] : [contact])
  return { mesh, members: membership, database, storage }
}

async function stopSeat({ mesh, members: membership, database, storage }: Seat): Promise<void> {
  await membership.stop()
  await mesh.stop()
  await database.close()
  await storage.close()
}

async function viewsEqual(world: World<Seat>, limitMs: number): Promise<void> {
  const seats = (): Seat[] => world.hosts.flatMap(({ node }) => (node === null ? [] : [node]))
  await world.until('every member calls every member alive', limitMs, () => {
    return seats().every((seat) => {
      const alive = seat.members.members().filter(({ state }) => state === 'alive')
      return alive.length === world.hosts.length
    })
  })
}

/** Milliseconds until every other member had called it dead. */
async function killOne(world: World<Seat>, index: number): Promise<number> {
  const peer = world.host(index).node?.mesh.self.peer ?? ''
  world.crash(index)
  const startMs = world.kernel.nowMs
  await world.until('all know of a crash', DETECTION_MS_MAX, () =>
    world.hosts.every(({ node }) => node === null || node.members.get(peer)?.state === 'dead'),
  )
  const tookMs = world.kernel.nowMs - startMs
  await world.start(index)
  return Math.round(tookMs)
}

/** So long that all have given all others up, and the dead hear no rumours any more. */
async function partLong(world: World<Seat>, random: SimRandom): Promise<void> {
  const order = world.hosts.map(({ index }) => index)
  const cut = 1 + random.int(order.length - 1)
  world.partition(order.slice(0, cut), order.slice(cut))
  await world.sleep(LONG_PARTING_MS)
  world.heal()
  await viewsEqual(world, 120_000)
}

async function loseSome(world: World<Seat>, meeting: Meeting): Promise<void> {
  for (const a of world.hosts) {
    for (const b of world.hosts) world.fabric.path(a.machine, b.machine).loss = LOSS
  }
  const before = meeting.deaths
  await world.sleep(LOSSY_MS)
  world.heal()
  if (meeting.deaths > before) {
    throw new SimulationError(
      `${meeting.deaths - before} false deaths with ${LOSS} of packets lost`,
    )
  }
}

/** Calls from everybody to everybody; each answer is what was sent, and comes in time. */
async function callAround(
  world: World<Seat>,
  random: SimRandom,
  traffic: { readonly stopped: boolean; readonly paused: boolean },
  calls: { ok: number; failed: number },
): Promise<void> {
  const open = new Set<Promise<void>>()
  while (!traffic.stopped) {
    await world.sleep(random.exponential(50))
    const [from, to] = [random.pick(world.hosts), random.pick(world.hosts)]
    const target = to.node?.mesh.self.peer
    if (traffic.paused || from.node === null || target === undefined) continue
    const body = random.bytes(random.int(random.chance(0.1) ? 200_000 : 200))
    const call = callOne(world, from.index, target, body, calls)
    open.add(call)
    call.finally(() => open.delete(call)).catch((error: unknown) => world.kernel.fail(error))
  }
  await Promise.all(open)
}

async function callOne(
  world: World<Seat>,
  index: number,
  target: PeerId,
  body: Uint8Array,
  calls: { ok: number; failed: number },
): Promise<void> {
  const host = world.host(index)
  const startUs = world.kernel.nowUs
  try {
    const answer = await world.call(index, async (seat) => {
      return seat?.mesh.request(target, ECHO, body, { timeoutMs: CALL_MS })
    })
    if (!Buffer.from(answer ?? []).equals(body)) throw new SimulationError('an echo that is none')
    calls.ok++
  } catch (error) {
    if (error instanceof ProcessDied) return
    const expected = ['TIMEOUT', 'UNREACHABLE', 'BUSY', 'STOPPED']
    if (!(error instanceof AtollError) || !expected.includes(error.code)) throw error
    calls.failed++
  }
  const tookMs = (world.kernel.nowUs - startUs) / 1000
  const held = host.lastHeldUs + OVERDUE_MS * 1000 > startUs
  if (tookMs > CALL_MS + OVERDUE_MS && !held) {
    throw new SimulationError(`a call with ${CALL_MS} ms took ${Math.round(tookMs)}`)
  }
}
