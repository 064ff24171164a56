/** The shell: bytes in and out, one timer, subscribers, the snapshot, the end. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import type { Database, Write } from '../../src/disk/database.ts'
import type {
  Mesh,
  PeerEvidence,
  RemotePeer,
  RequestHandler,
  RequestOptions,
} from '../../src/mesh/mesh.ts'
import type { Clock, Timer } from '../../src/seams/clock.ts'
import { decodeFrame, encodeFrame, encodePushPull } from '../../src/swim/codec.ts'
import { SUBSCRIBERS_MAX } from '../../src/swim/limits.ts'
import type { MemberEvent } from '../../src/swim/member.ts'
import { createMembership, type SwimMembership } from '../../src/swim/membership.ts'
import type { SwimMessage } from '../../src/swim/messages.ts'
import { LAN } from '../../src/swim/parameters.ts'
import { WireWriter } from '../../src/wire/codec.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { factsOf } from './cluster.ts'
import { claim, remote, SELF } from './solo.ts'

class FakeClock implements Clock {
  now = 0
  timers: { at: number; run: () => void }[] = []

  monotonicMs(): number {
    return this.now
  }

  wallMs(): number {
    return this.now
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { at: this.now + delayMs, run }
    this.timers.push(timer)
    return { cancel: () => void (this.timers = this.timers.filter((each) => each !== timer)) }
  }

  soon(run: () => void): Timer {
    return this.after(0, run)
  }

  /** Lets time pass, with the promises of each timer settled before the next. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms
    for (;;) {
      const next = this.timers.toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.timers = this.timers.filter((each) => each !== next)
      this.now = Math.max(this.now, next.at)
      next.run()
      await settled()
    }
    this.now = end
    await settled()
  }
}

class FakeMesh implements Mesh {
  readonly self: RemotePeer = remote(SELF)
  readonly sent: { to: string; message: SwimMessage; digest: number }[] = []
  readonly learned = new Map<string, readonly string[]>()
  readonly connects: string[] = []
  answer: (peer: string, options: RequestOptions) => Promise<Uint8Array> = () =>
    Promise.reject(new AtollError('UNREACHABLE', 'nobody'))
  gossip: (from: RemotePeer, message: Uint8Array) => void = () => {}
  evidence: (evidence: PeerEvidence) => void = () => {}
  exchange: RequestHandler = () => new Uint8Array()

  addresses(): readonly string[] {
    return ['/ip4/127.0.0.1/tcp/1']
  }

  foundAt(): void {}
  learnAddresses(peer: string, addresses: readonly string[]): void {
    this.learned.set(peer, addresses)
  }

  connect(peer: string): void {
    this.connects.push(peer)
  }

  reconnect(): void {}
  forget(): void {}

  sendGossip(to: string, bytes: Uint8Array): void {
    this.sent.push({ to, ...decodeFrame(bytes) })
  }

  onGossip(listener: (from: RemotePeer, message: Uint8Array) => void): void {
    this.gossip = listener
  }

  onEvidence(listener: (evidence: PeerEvidence) => void): void {
    this.evidence = listener
  }

  request(
    peer: string,
    _kind: number,
    _body: Uint8Array,
    options: RequestOptions,
  ): Promise<Uint8Array> {
    return this.answer(peer, options)
  }

  handle(_kind: number, handler: RequestHandler): void {
    this.exchange = handler
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
}

class FakeDatabase implements Database {
  readonly entries = new Map<string, Uint8Array>()
  commits = 0
  failing = false
  readonly failed = new Promise<Error>(() => {})

  get(key: string): Uint8Array | undefined {
    return this.entries.get(key)
  }

  latest(key: string): Uint8Array | undefined {
    return this.entries.get(key)
  }

  commit(writes: readonly Write[]): Promise<void> {
    this.commits++
    if (this.failing) return Promise.reject(new AtollError('DISK_FULL', 'full'))
    for (const { key, value } of writes) {
      if (value === null) this.entries.delete(key)
      else this.entries.set(key, value)
    }
    return Promise.resolve()
  }

  async *scan(range: { from: string; to?: string }): AsyncGenerator<readonly [string, Uint8Array]> {
    for (const [key, value] of [...this.entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (key >= range.from && key < (range.to ?? '\uffff')) yield [key, value]
    }
  }

  async close(): Promise<void> {}
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

interface Bench {
  readonly mesh: FakeMesh
  readonly clock: FakeClock
  readonly database: FakeDatabase
  readonly membership: SwimMembership
  readonly digests: (readonly [string, number])[]
  readonly logged: string[]
}

function bench(database = new FakeDatabase()): Bench {
  const mesh = new FakeMesh()
  const clock = new FakeClock()
  const digests: (readonly [string, number])[] = []
  const logged: string[] = []
  const membership = createMembership({
    mesh,
    clock,
    random: new SimRandom('shell'),
    log: { allows: () => true, write: (_level, event) => void logged.push(event) },
    database,
    facts: { ...factsOf(0), addresses: [] },
    profile: LAN,
    digest: () => 5,
    onDigest: (peer, digest) => void digests.push([peer, digest]),
  })
  return { mesh, clock, database, membership, digests, logged }
}

function introduce({ mesh }: Bench, peer: string): void {
  const record = { claim: claim(peer, 'alive', 1), facts: factsOf(7) }
  mesh.gossip(remote(peer), encodeFrame({ kind: 'facts', records: [record] }, 5))
}

describe('membership', () => {
  it('dials its seeds, exchanges states when one answers, and tells of members', async () => {
    const it = bench()
    const events: MemberEvent[] = []
    it.membership.subscribe((event) => events.push(event))
    it.mesh.answer = (peer) => {
      const record = { claim: claim(peer, 'alive', 3), facts: factsOf(9) }
      return Promise.resolve(encodePushPull({ claims: [], records: [record] }, 8))
    }
    await it.membership.start([{ peer: 'seed', addresses: ['/ip4/9.9.9.9/tcp/9'] }])
    await it.clock.pass(10)
    assert.ok(it.mesh.connects.includes('seed'))
    assert.deepEqual(it.mesh.learned.get('seed'), ['/ip4/9.9.9.9/tcp/9'])
    it.mesh.evidence({ kind: 'connected', peer: 'seed', remote: remote('seed') })
    await settled()
    assert.deepEqual(
      events.map(({ kind, member }) => [kind, member.id]),
      [
        ['update', SELF],
        ['join', 'seed'],
      ],
    )
    assert.equal(it.membership.get('seed')?.incarnation, 3)
    assert.ok(it.membership.isUsable('seed', factsOf(0).storageId))
    assert.ok(!it.membership.isUsable('seed', factsOf(0, 1, 'b').storageId))
    assert.deepEqual(it.digests, [['seed', 8]])
    assert.deepEqual(it.membership.self().addresses, ['/ip4/127.0.0.1/tcp/1'])
    assert.equal(it.membership.members().length, 2)
    await it.membership.stop()
  })

  it('sends its digest with every message, and tells of others that differ', async () => {
    const it = bench()
    await it.membership.start([])
    introduce(it, 'a')
    it.mesh.gossip(remote('a'), encodeFrame({ kind: 'ping', seq: 1, rumours: [] }, 5))
    it.mesh.gossip(remote('a'), encodeFrame({ kind: 'ping', seq: 2, rumours: [] }, 6))
    assert.deepEqual(it.digests, [['a', 6]])
    assert.ok(it.mesh.sent.every(({ digest }) => digest === 5))
    assert.equal(it.mesh.sent.filter(({ message }) => message.kind === 'ack').length, 2)
    await it.membership.stop()
  })

  it('drops what it cannot read, with a line in the log', async () => {
    const it = bench()
    await it.membership.start([])
    it.mesh.gossip(remote('a'), Uint8Array.of(0, 99))
    it.mesh.gossip(remote('a'), new Uint8Array())
    assert.deepEqual(it.logged, ['swim.bad-message', 'swim.bad-message'])
    assert.throws(() => it.mesh.exchange(remote('a'), Uint8Array.of(1, 200)))
    const good = await it.mesh.exchange(remote('a'), encodePushPull({ claims: [], records: [] }, 5))
    assert.ok(good.length > 0)
    await it.membership.stop()
  })

  it('has a bounded number of subscribers, and outlives one that throws', async () => {
    const it = bench()
    await it.membership.start([])
    const end = it.membership.subscribe(() => {
      throw new Error('a subscriber that throws')
    })
    let heard = 0
    for (let i = 1; i < SUBSCRIBERS_MAX; i++) it.membership.subscribe(() => heard++)
    assert.throws(
      () => it.membership.subscribe(() => {}),
      (error) => error instanceof AtollError && error.code === 'BUSY',
    )
    introduce(it, 'a')
    assert.equal(heard, SUBSCRIBERS_MAX - 1)
    assert.ok(it.logged.includes('swim.listener-threw'))
    end()
    it.membership.subscribe(() => {})
    await it.membership.stop()
  })

  it('remembers peers on disk in few writes, and dials them at the next start', async () => {
    const first = bench()
    await first.membership.start([])
    for (let i = 0; i < 300; i++) introduce(first, `p${i}`)
    await first.clock.pass(4000)
    assert.equal(first.database.commits, 0, 'writes are gathered')
    await first.clock.pass(4000)
    assert.equal(first.database.commits, 2)
    introduce(first, 'late')
    await first.membership.stop()
    assert.equal(first.database.entries.size, 301, 'what is left is written at the end')

    const second = bench(first.database)
    first.database.entries.set('swim/peer/damaged', Uint8Array.of(255, 255, 255, 255, 1))
    first.database.entries.set('swim/peer0', new WireWriter().uint(1).finish())
    await second.membership.start([])
    assert.equal(second.mesh.learned.size, 301)
    await second.clock.pass(10)
    assert.ok(second.mesh.connects.includes('late'))
    await second.membership.stop()
  })

  it('works on when the snapshot cannot be written', async () => {
    const it = bench()
    it.database.failing = true
    await it.membership.start([])
    introduce(it, 'a')
    await it.clock.pass(20_000)
    assert.ok(it.logged.includes('swim.snapshot-failed'))
    await it.membership.stop()
  })

  it('forgets on demand, but nobody who is up', async () => {
    const it = bench()
    await it.membership.start([])
    introduce(it, 'a')
    assert.throws(
      () => it.membership.forget('a'),
      (error) => error instanceof AtollError && error.code === 'CONFLICT',
    )
    it.mesh.gossip(
      remote('a'),
      encodeFrame({ kind: 'gossip', rumours: [claim('a', 'left', 1)] }, 5),
    )
    it.membership.forget('a')
    assert.equal(it.membership.get('a'), undefined)
    await it.membership.stop()
    assert.equal(it.database.entries.has('swim/peer/a'), false)
  })

  it('leaves when all have heard it, or after half a second', async () => {
    for (const answers of [true, false]) {
      const it = bench()
      await it.membership.start([])
      for (const peer of ['a', 'b']) introduce(it, peer)
      it.mesh.sent.length = 0
      let left = false
      const leaving = it.membership.leave().then(() => (left = true))
      const goodbyes = it.mesh.sent.splice(0)
      assert.equal(goodbyes.filter(({ message }) => message.kind === 'ping').length, 2)
      for (const { to, message } of answers ? goodbyes : []) {
        if (message.kind !== 'ping') continue
        const ack = { kind: 'ack', seq: message.seq, rumours: [] } as const
        it.mesh.gossip(remote(to), encodeFrame(ack, 5))
      }
      await settled()
      assert.equal(left, answers)
      await it.clock.pass(499)
      assert.equal(left, answers)
      await it.clock.pass(1)
      assert.equal(left, true)
      await leaving
      assert.equal(it.membership.self().state, 'left')
      await it.membership.stop()
    }
  })

  it('leaves alone at once, and before it started', async () => {
    const alone = bench()
    await alone.membership.leave()
    await alone.membership.start([])
    await alone.membership.leave()
    await alone.membership.stop()
  })

  it('stops without a timer or a request left, and twice', async () => {
    const it = bench()
    it.mesh.answer = (_peer, { signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error))
      })
    await it.membership.start([{ peer: 'seed', addresses: [] }])
    it.mesh.evidence({ kind: 'connected', peer: 'seed', remote: remote('seed') })
    const leaving = it.membership.leave()
    await Promise.all([it.membership.stop(), it.membership.stop()])
    await leaving
    assert.deepEqual(it.clock.timers, [])
    introduce(it, 'late')
    assert.equal(it.membership.get('late'), undefined)
  })

  it('refuses tags over the limit, and spreads those under it', async () => {
    const it = bench()
    await it.membership.start([])
    assert.throws(
      () => it.membership.updateSelf({ tags: { x: 'y'.repeat(17_000) } }),
      (error) => error instanceof AtollError && error.code === 'TOO_LARGE',
    )
    it.membership.updateSelf({ tags: { x: 'y'.repeat(16_000) } })
    assert.equal(it.membership.self().tags['x']?.length, 16_000)
    await it.membership.stop()
  })
})
