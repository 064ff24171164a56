import assert from 'node:assert/strict'
import { type ErrorCode, isAtollError } from '../../src/base/errors.ts'
import { utf8, utf8ToText } from '../../src/base/bytes.ts'
import { AdmissionKey } from '../../src/mesh/admission-key.ts'
import { Admitter } from '../../src/mesh/admit.ts'
import { checkCertificate, issueCertificate } from '../../src/mesh/certificate.ts'
import { joinCluster } from '../../src/mesh/join.ts'
import type { Admission } from '../../src/mesh/join-messages.ts'
import { decodeTicket, encodeTicket, type Ticket } from '../../src/mesh/ticket.ts'
import type { Link } from '../../src/seams/network.ts'
import { FRAME } from '../../src/wire/frames.ts'
import { SimClock } from '../sim/sim-clock.ts'
import { SimNetwork } from '../sim/sim-network.ts'
import { MemoryDatabase } from './memory-database.ts'
import { type Machine, NETWORK_KEY, type Running, type StartOptions, World } from './world.ts'

const TERMS = { ttlMs: 3600_000, uses: 1, role: 'member' } as const
const TOPOLOGY = utf8('topology 7')

interface Island extends Running {
  readonly admitter: Admitter
  readonly database: MemoryDatabase
}

interface IslandOptions extends StartOptions {
  readonly removed?: ErrorCode
  readonly key?: AdmissionKey
}

async function island(
  world: World,
  machine: Machine,
  others: () => readonly Machine[],
  options: IslandOptions = {},
): Promise<Island> {
  const database = new MemoryDatabase()
  let admitter: Admitter | null = null
  const key = options.key ?? world.key
  const running = await world.start(machine, {
    ...options,
    before: (mesh) => {
      admitter = new Admitter({
        mesh,
        key,
        networkKey: NETWORK_KEY,
        certificate: options.self?.certificate ?? world.facts(machine).certificate,
        database,
        clock: new SimClock(world.kernel, world.kernel.spawn('clock'), machine.hostClock),
        random: world.random.fork(`admitter ${machine.host.name}`),
        log: { allows: () => false, write: () => undefined },
        topology: () => TOPOLOGY,
        contacts: () =>
          others().map((each) => ({ peer: each.peer, addresses: [world.addressOf(each)] })),
        gate: () => options.removed ?? null,
      })
    },
  })
  if (admitter === null) throw new Error('no admitter')
  return { ...running, admitter, database }
}

interface JoinChange {
  readonly role?: 'member' | 'edge'
  readonly storageId?: string
  readonly signal?: AbortSignal
  /** Looks at each link that the joiner gets. */
  readonly onDial?: (link: Link) => Link
}

async function join(
  world: World,
  machine: Machine,
  given: string | Ticket,
  change: JoinChange = {},
): Promise<Admission> {
  const ticket = typeof given === 'string' ? decodeTicket(given) : given
  const process = world.kernel.spawn(`joiner ${machine.host.name}`)
  const { privateKeySeed } = machine
  const network = new SimNetwork(world.fabric, machine.host, process, {
    privateKeySeed,
    networkKey: ticket.networkKey,
    listen: [],
    announce: [],
  })
  await network.start((link) => link.abort())
  const { onDial } = change
  if (onDial !== undefined) {
    const dial = network.dial.bind(network)
    network.dial = async (...args) => onDial(await dial(...args))
  }
  const role = change.role ?? 'member'
  const storageId = change.storageId ?? (role === 'member' ? machine.storageId : '')
  try {
    return await joinCluster({
      network,
      clock: new SimClock(world.kernel, process, machine.hostClock),
      ticket,
      self: { storageId, name: machine.host.name, role },
      ...(change.signal === undefined ? {} : { signal: change.signal }),
    })
  } finally {
    await network.stop()
  }
}

function refuses(code: ErrorCode, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isAtollError(error), String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, pattern)
    return true
  }
}

describe('join', () => {
  it('admits a member with a ticket: certificate, key, topology, contacts', async () => {
    const world = new World('join')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await island(world, m, () => [m])
      const got = await join(world, n, await a.admitter.createTicket(TERMS))
      const expected = { clusterId: world.key.clusterId, peer: n.peer, wallMs: a.clock.wallMs() }
      assert.equal(checkCertificate(got.certificate, expected).role, 'member')
      assert.deepEqual(got.admissionSeed, world.key.seed)
      assert.equal(utf8ToText(got.topology), 'topology 7')
      assert.deepEqual(got.contacts, [{ peer: m.peer, addresses: [world.addressOf(m)] }])
      const b = await world.start(n, { self: { certificate: got.certificate } })
      world.introduce(a, b)
      b.mesh.connect(m.peer)
      await world.until(() => a.evidence.length > 0, 'the new member speaks')
    })
  })

  it('admits an edge without the admission key', async () => {
    const world = new World('edge')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await island(world, m, () => [m])
      const text = await a.admitter.createTicket({ ...TERMS, role: 'edge' })
      const got = await join(world, n, text, { role: 'edge' })
      assert.equal(got.admissionSeed, null)
      const asMember = join(world, n, text)
      await assert.rejects(asMember, refuses('TICKET_INVALID', /admits as edge, not as member/))
    })
  })

  it('lets one peer in by a ticket of one use, however often that one asks', async () => {
    const world = new World('once')
    await world.run(async () => {
      const [m, n, o] = world.machines('m', 'n', 'o') as [Machine, Machine, Machine]
      const a = await island(world, m, () => [m])
      const text = await a.admitter.createTicket(TERMS)
      await join(world, n, text)
      await join(world, n, text)
      await assert.rejects(join(world, o, text), refuses('TICKET_INVALID', /used once/))
    })
  })

  it('survives a lost answer: asks again, and is counted once', async () => {
    const world = new World('lost answer')
    await world.run(async () => {
      const [m, n, o] = world.machines('m', 'n', 'o') as [Machine, Machine, Machine]
      const a = await island(world, m, () => [m])
      const text = await a.admitter.createTicket({ ...TERMS, uses: 2 })
      // The connection breaks when the member has admitted and its answer is on the way.
      const onDial = (link: Link): Link => {
        const open = link.open.bind(link)
        link.open = (handler) => {
          open({
            onFrame: (frame) => {
              if (frame[0] === FRAME.ADMITTED) link.abort()
              else handler.onFrame(frame)
            },
            onDrain: () => handler.onDrain(),
            onClose: (reason) => handler.onClose(reason),
          })
        }
        return link
      }
      await assert.rejects(join(world, n, text, { onDial }), refuses('UNREACHABLE', /closed/))
      await join(world, n, text)
      await join(world, o, text)
    })
  })

  it('asks the issuer to count when another member admits', async () => {
    const world = new World('issuer')
    await world.run(async () => {
      const [m, n, o, p] = world.machines('m', 'n', 'o', 'p') as [
        Machine,
        Machine,
        Machine,
        Machine,
      ]
      const a = await island(world, m, () => [m, n])
      const b = await island(world, n, () => [n])
      world.introduce(a, b)
      const text = await a.admitter.createTicket(TERMS)
      const ticket = decodeTicket(text)
      const viaB = encodeTicket({ ...ticket, contacts: ticket.contacts.slice(1) })
      await join(world, o, viaB)
      await assert.rejects(join(world, p, viaB), refuses('TICKET_INVALID', /used once/))
      const other = decodeTicket(await a.admitter.createTicket(TERMS))
      world.kill(a)
      const orphan = encodeTicket({ ...other, contacts: other.contacts.slice(1) })
      await assert.rejects(
        join(world, p, orphan),
        refuses('UNREACHABLE', /which issued the ticket/),
      )
    })
  })

  it('needs no issuer for a ticket of unlimited uses', async () => {
    const world = new World('unlimited')
    await world.run(async () => {
      const [m, n, o, p] = world.machines('m', 'n', 'o', 'p') as [
        Machine,
        Machine,
        Machine,
        Machine,
      ]
      const a = await island(world, m, () => [m, n])
      const b = await island(world, n, () => [n])
      world.introduce(a, b)
      const text = await a.admitter.createTicket({ ...TERMS, uses: 0 })
      const kept = await a.admitter.createTicket({ ...TERMS, uses: 0 })
      assert.equal(await a.admitter.revokeTicket(kept), true)
      assert.equal(await a.admitter.revokeTicket(kept), false)
      world.kill(a)
      await join(world, o, text)
      await join(world, p, text)
      await assert.rejects(join(world, p, kept), refuses('TICKET_INVALID', /revoked/))
    })
  })

  it('refuses what has expired or was revoked, by any member', async () => {
    const world = new World('expired')
    await world.run(async () => {
      const [m, n, o] = world.machines('m', 'n', 'o') as [Machine, Machine, Machine]
      const a = await island(world, m, () => [m, n])
      const b = await island(world, n, () => [m])
      world.introduce(a, b)
      const text = await a.admitter.createTicket(TERMS)
      assert.equal(await b.admitter.revokeTicket(text), true)
      await assert.rejects(join(world, o, text), refuses('TICKET_INVALID', /revoked/))
      const short = await a.admitter.createTicket(TERMS)
      m.hostClock.jump(TERMS.ttlMs + 90_000)
      await assert.rejects(join(world, o, short), refuses('TICKET_INVALID', /expired/))
    })
  })

  it('refuses a ticket with another secret, or whose grant was forged', async () => {
    const world = new World('forged')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await island(world, m, () => [m])
      const ticket = decodeTicket(await a.admitter.createTicket(TERMS))
      const guessed = encodeTicket({ ...ticket, secret: world.random.bytes(16) })
      await assert.rejects(join(world, n, guessed), refuses('TICKET_INVALID', /not issued by this/))
      // The right grant, and a secret that does not belong to it.
      const stolen = { ...ticket, secret: world.random.bytes(16) }
      await assert.rejects(join(world, n, stolen), refuses('TICKET_INVALID', /secret/))
      const widened = encodeTicket({ ...ticket, grant: { ...ticket.grant, uses: 0 } })
      await assert.rejects(join(world, n, widened), refuses('TICKET_INVALID', /not issued by this/))
    })
  })

  it('shows a ticket to nobody who does not prove its cluster', async () => {
    const world = new World('impostor')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const own = AdmissionKey.generate(world.random)
      const facts = { peer: m.peer, role: 'member', issuedMs: 0, expiresMs: 1e14 } as const
      const asEdge = issueCertificate(world.key, { ...facts, role: 'edge' })
      const ofOther = issueCertificate(world.key, { ...facts, peer: n.peer })
      const cases = [
        [issueCertificate(own, facts), 'WRONG_CLUSTER', /belongs to cluster/],
        [asEdge, 'DENIED', /may not admit/],
        [ofOther, 'DENIED', /shows the certificate of/],
        [new Uint8Array(3), 'DENIED', /malformed/],
      ] as const
      for (const [certificate, code, pattern] of cases) {
        const a = await island(world, m, () => [m], { key: own, self: { certificate } })
        const ticket = decodeTicket(await a.admitter.createTicket({ ...TERMS, uses: 0 }))
        let sent = 0
        const onDial = (link: Link): Link => {
          const send = link.send.bind(link)
          link.send = (frame) => {
            sent++
            return send(frame)
          }
          return link
        }
        const text = encodeTicket({ ...ticket, clusterId: world.key.clusterId })
        await assert.rejects(join(world, n, text, { onDial }), refuses(code, pattern))
        assert.equal(sent, 1, 'only the knock has left')
        await a.mesh.stop()
      }
    })
  })

  it('refuses a joiner that was removed, or that names a disk that cannot be', async () => {
    const world = new World('removed')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await island(world, m, () => [m], { removed: 'DENIED' })
      const text = await a.admitter.createTicket(TERMS)
      await assert.rejects(join(world, n, text), refuses('DENIED', /was removed/))
      await a.mesh.stop()
      const b = await island(world, m, () => [m])
      const fresh = await b.admitter.createTicket(TERMS)
      const odd = join(world, n, fresh, { storageId: 'x' })
      await assert.rejects(odd, refuses('DENIED', /storage/))
      await join(world, n, fresh)
    })
  })

  it('goes on to the next member of the ticket, and says so when none is there', async () => {
    const world = new World('next')
    await world.run(async () => {
      const [m, n, o] = world.machines('m', 'n', 'o') as [Machine, Machine, Machine]
      const a = await island(world, m, () => [m, n])
      const b = await island(world, n, () => [])
      world.introduce(a, b)
      const text = await a.admitter.createTicket({ ...TERMS, uses: 0 })
      world.kill(a)
      await join(world, o, text)
      world.kill(b)
      await assert.rejects(join(world, o, text), refuses('UNREACHABLE', /no member named in/))
      const given = new AbortController()
      given.abort()
      const cancelled = join(world, o, text, { signal: given.signal })
      await assert.rejects(cancelled, refuses('CANCELLED', /cancelled/))
    })
  })

  it('does not wait for ever, and is not flooded by joiners that say nothing', async () => {
    const world = new World('silent')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      await island(world, m, () => [m])
      const process = world.kernel.spawn('silent')
      const network = new SimNetwork(world.fabric, n.host, process, {
        privateKeySeed: n.privateKeySeed,
        networkKey: NETWORK_KEY,
        listen: [],
        announce: [],
      })
      await network.start(() => undefined)
      const ends: string[] = []
      const frames: number[] = []
      const addresses = [world.addressOf(m)]
      for (let i = 0; i < 33; i++) {
        const link = await network.dial(m.peer, 'join', { addresses, timeoutMs: 1000 })
        link.open({
          onFrame: (frame) => frames.push(frame[0] ?? -1),
          onDrain: () => undefined,
          onClose: (reason) => ends.push(reason),
        })
      }
      await world.until(() => ends.length === 1, 'one too many is turned away')
      assert.deepEqual(frames, [2])
      await world.until(() => ends.length === 33, 'the others run out of time')
    })
  })
})
