/** Partitions that move: both sets count, old configurations are refused, nothing is left behind. */
import assert from 'node:assert/strict'
import { placeOf } from '../../src/store/place.ts'
import { Movement } from '../../src/store/sync/movement.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { errorOf } from './error-of.ts'
import { isForward, isRead, isSync, isWrite, type Question, StoreWorld } from './world.ts'

const isDigest = ({ kind }: Question): boolean => kind === REQUEST_KINDS.KV_SYNC_DIGEST
const isFetch = ({ kind }: Question): boolean => kind === REQUEST_KINDS.TOPOLOGY_GET

/** A newer configuration with the same set. */
function renew(world: StoreWorld): void {
  const number = world.latest.number + 2
  const partitions = world.latest.partitions.map((each) => ({ ...each, cfg: number }))
  world.latest = { ...world.latest, number, partitions }
}

describe('a newer configuration', () => {
  it('is learned from the replica that refuses, and the call goes on under it', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'de' })
    world.fate = (q) => (isSync(q) ? 'lost' : undefined)
    world.move(['cde'])
    await world.tell('cde')
    const written = await world.drive(world.kv('a').put('k', 'v', { write: 'quorum' }))
    assert.deepEqual([written.replicas, written.partial], [3, false])
    assert.equal(world.node('a').topology.current()?.number, world.latest.number)
    for (const set of ['abc', 'cde']) {
      const holders = set.split('').filter((name) => world.held(name, 'k').length > 0)
      assert.ok(holders.length >= 2, set)
    }
  })

  it('is learned by a reader too', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'de' })
    world.fate = (q) => (isSync(q) ? 'lost' : undefined)
    world.move(['cde'])
    await world.tell('cde')
    await world.drive(world.kv('c').put('k', 'v', { write: 'quorum' }))
    const read = await world.drive(world.kv('a').get('k', { read: 'quorum' }))
    assert.equal(read?.value, 'v')
    assert.equal(world.node('a').topology.current()?.number, world.latest.number)
  })

  it('is waited for by a replica that is asked under it', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    renew(world)
    await world.tell('a')
    const written = await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    assert.equal(written.acks, 3)
    for (const name of ['b', 'c']) {
      assert.equal(world.node(name).topology.current()?.number, world.latest.number)
    }
  })

  it('makes writes under the old one fail: nobody who knows it takes them', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'def' })
    world.fate = (q) => (isFetch(q) || isSync(q) ? 'unreachable' : undefined)
    world.move(['def'])
    await world.tell('bcdef')
    const error = await errorOf(world.drive(world.kv('a').put('k', 'v', { write: 'quorum' })))
    assert.equal(error.outcome, 'unknown', 'its own disk has it')
    for (const name of ['b', 'c', 'd']) assert.deepEqual(world.held(name, 'k'), [], name)
    const read = await errorOf(world.drive(world.kv('a').get('k', { read: 'quorum' })))
    assert.equal(read.outcome, 'not-applied')
  })

  it('that cannot be had leaves the outcome of a write unknown, and it is not made twice', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    renew(world)
    await world.tell('c')
    world.fate = (q) => (isFetch(q) || isSync(q) ? 'unreachable' : undefined)
    const own = await errorOf(world.drive(world.kv('a').put('own', 'v')))
    await world.wait(20)
    assert.deepEqual([own.outcome, world.held('a', 'own')], ['unknown', ['v']])
    // c alone knows the newer one: whoever coordinates for d learns of it after its own commit.
    for (let i = 0; i < 8; i++) {
      world.asked.length = 0
      const error = await world
        .drive(world.kv('d').put(`k${i}`, 'v'))
        .catch((each: unknown) => each)
      await world.wait(50)
      const dots = ['a', 'b', 'c'].flatMap((name) =>
        world.record(name, `k${i}`).siblings.map(({ dot }) => `${dot.actor} ${dot.n}`),
      )
      assert.ok(new Set(dots).size <= 1, `${String(error)}: ${dots.join()}`)
    }
  })

  it('is followed five times by one call, and then it gives up', async () => {
    const world = await StoreWorld.start(['ab'])
    let rounds = 0
    world.fate = (q) => {
      if (isSync(q)) return 'lost'
      if (!isRead(q)) return undefined
      rounds++
      renew(world)
      const { topology } = world.node('b')
      return topology.learn(world.latest).then(() => undefined)
    }
    const error = await errorOf(world.drive(world.kv('a').get('k', { read: 'all' })))
    assert.deepEqual([error.code, rounds], ['NO_QUORUM', 5])
  })
})

describe('while data moves', () => {
  it('the set that it moves from coordinates, and is handed writes of the new one', async () => {
    const world = await StoreWorld.start(['ab'], { nodes: 'cd' })
    world.fate = (q) => (isSync(q) ? 'lost' : undefined)
    world.move(['cd'])
    await world.tell()
    await world.drive(world.kv('c').put('k', 'v', { write: 'all' }))
    const [to] = world.asked.filter(isForward).map((q) => q.to)
    assert.ok(to === 'a' || to === 'b')
    const [sibling] = world.record('d', 'k').siblings
    assert.ok(world.idsOf('ab').includes(sibling?.dot.actor ?? ''))
  })

  it('a new replica coordinates when none of the old set does', async () => {
    const world = await StoreWorld.start(['ab'], { nodes: 'cd' })
    world.fate = (q) => (isSync(q) ? 'lost' : undefined)
    world.move(['cd'])
    await world.tell()
    world.lose('a')
    world.lose('b')
    const written = await world.drive(world.kv('c').put('k', 'v'))
    assert.equal(written.partial, true)
    assert.ok(written.acks <= written.replicas && written.replicas === 4, 'of all that were asked')
    const read = await world.drive(world.kv('d').get('k'))
    assert.deepEqual([read?.value, read?.partial], ['v', true])
    assert.ok((read?.acks ?? 9) <= (read?.replicas ?? 0))
  })

  it('a call through the old set and then here keeps its deadline', async () => {
    const world = await StoreWorld.start(['a'], { nodes: 'bc' })
    world.move(['bc'])
    world.fate = (q) => (isForward(q) || isSync(q) ? 'lost' : undefined)
    await world.tell('bc')
    const startMs = world.clock.monotonicMs()
    await errorOf(world.drive(world.kv('b').put('k', 'v', { deadlineMs: 1000 })))
    assert.ok(world.clock.monotonicMs() - startMs <= 1020)
  })

  it('null is said only when a majority of both sets has looked', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'def' })
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    world.move(['def'])
    await world.tell()
    assert.equal(await world.drive(world.kv('d').get('k')), null)
    world.lose('a')
    world.lose('b')
    const error = await errorOf(world.drive(world.kv('d').get('k')))
    assert.equal(error.code, 'NO_QUORUM')
    assert.match(error.message, /moves from/)
  })
})

describe('installed', () => {
  const installs = (world: StoreWorld): string[] =>
    [...world.nodes.values()].filter((node) => node.installed.length > 0).map(({ name }) => name)

  it('is said when all is here, by each new replica, with its configuration', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'def' })
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
    for (const key of keys) await world.drive(world.kv('a').put(key, key))
    const { number } = world.move(['def'])
    await world.tell()
    await world.until('all have said so', () => installs(world).length === 3)
    assert.deepEqual(installs(world), ['d', 'e', 'f'])
    for (const name of ['d', 'e', 'f']) {
      assert.equal(world.node(name).installed[0], `0 in ${number}`)
      for (const key of keys) assert.deepEqual(world.held(name, key), [key])
    }
  })

  it('is not said before a majority of the old set has been compared with', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    world.fate = (q) => (isSync(q) && q.to !== 'a' ? 'unreachable' : undefined)
    world.move(['d'])
    await world.tell()
    await world.wait(20_000)
    assert.deepEqual(installs(world), [], 'one of three')
    assert.deepEqual(world.held('d', 'k'), ['v'])
    world.fate = (q) => (isSync(q) && q.to === 'b' ? 'unreachable' : undefined)
    await world.until('d has compared with c', () => installs(world).includes('d'), 60_000)
  })

  it('is not said by comparisons with others of the new set', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'def' })
    world.fate = (q) => (isSync(q) && 'abc'.includes(q.to) ? 'unreachable' : undefined)
    world.move(['def'])
    await world.tell()
    for (let i = 0; i < 5; i++) {
      for (const name of ['e', 'f']) world.roll.set(world.node(name).member, 'alive')
      await world.wait(10_000)
    }
    for (const to of ['e', 'f']) {
      assert.ok(world.asked.some((q) => isSync(q) && q.from === 'd' && q.to === to))
    }
    assert.deepEqual(installs(world), [])
  })

  it('is not said by a comparison that began under the old configuration', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.wait(50)
    const { promise, resolve } = Promise.withResolvers<void>()
    let held = 0
    world.fate = (q) => {
      if (!isSync(q)) return undefined
      if (held > 0 || q.from !== 'a') return 'unreachable'
      held++
      return promise
    }
    // a compares with b, and b's answer is on its way when the set becomes another one.
    world.roll.set(world.node('b').member, 'alive')
    await world.until('a asks b', () => held === 1)
    world.move(['ab'])
    await world.tell('ac')
    resolve()
    await world.wait(30)
    assert.deepEqual(installs(world), [])
  })

  it('is not said while the asked do not know the configuration, which they catch up with', async () => {
    const world = await StoreWorld.start(['ab'], { nodes: 'cd' })
    world.fate = (q) => (isFetch(q) ? 'unreachable' : undefined)
    world.move(['cd'])
    await world.tell('cd')
    await world.wait(20_000)
    assert.deepEqual(installs(world), [], 'a and b still take writes for the old set alone')
    world.fate = () => undefined
    await world.until('it is said', () => installs(world).length === 2, 60_000)
    const knows = (name: string): boolean =>
      world.node(name).topology.current()?.number === world.latest.number
    assert.ok(knows('a') || knows('b'), 'of two, one is enough: a write needs both')
  })

  it('is said although one of two was lost: the other has all that both acknowledged', async () => {
    const world = await StoreWorld.start(['ab'], { nodes: 'c' })
    await world.drive(world.kv('a').put('k', 'v', { write: 'quorum' }))
    world.lose('b')
    world.move(['ac'])
    await world.tell('ac')
    await world.until('c has it', () => installs(world).length === 2, 60_000)
    assert.deepEqual(world.held('c', 'k'), ['v'])
  })

  it('is never said without a write that the old configuration acknowledged', async () => {
    let raced = 0
    for (let i = 0; i < 40; i++) {
      const world = await StoreWorld.start(['a', 'a'], { nodes: 'b', seed: `race ${i}` })
      const keys = Array.from({ length: 20 }, (_, n) => `k${n}`)
      const keyIn = (p: number) => keys.find((k) => placeOf(world.latest, k).partition === p) ?? ''
      // The first write reserves numbers, which takes a sync of its own.
      await world.drive(world.kv('a').put(keyIn(1), 'x'))
      const { promise, resolve } = Promise.withResolvers<void>()
      world.fate = (q) => (isDigest(q) ? promise : undefined)
      world.move(['b', 'a'])
      await world.tell('b')
      await world.wait(10)
      const learned = world.node('a').topology.learn(world.latest)
      world.clock.after(0.05 * (i % 20), resolve)
      await world.wait(0.3)
      const put = world.kv('a').put(keyIn(0), 'v')
      put.catch(() => undefined)
      await world.drive(learned)
      await world.until('installed', () => world.node('b').installed.length > 0)
      const atInstall = world.held('b', keyIn(0))
      const isAcknowledged = await world.drive(
        put.then(
          ({ acks, partial }) => acks === 1 && !partial && !world.asked.some(isWrite),
          () => false,
        ),
      )
      if (!isAcknowledged) continue
      raced++
      assert.deepEqual(atInstall, ['v'], `round ${i}`)
    }
    assert.ok(raced > 0, 'some writes were acknowledged by the old set alone')
  })

  it('is said again after a restart in the middle', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    for (let i = 0; i < 20; i++) await world.drive(world.kv('a').put(`k${i}`, 'v'))
    world.move(['bcd'])
    world.fate = (q) => (isSync(q) && q.from === 'd' && q.to !== 'a' ? 'unreachable' : undefined)
    await world.tell()
    await world.wait(500)
    world.crash('d')
    world.fate = () => undefined
    await world.boot('d')
    await world.until('d says so', () => world.node('d').installed.length > 0)
    for (let i = 0; i < 20; i++) assert.deepEqual(world.held('d', `k${i}`), ['v'])
  })
})

describe('bookkeeping of movement', () => {
  it('counts each old replica once, and only for the configuration that moves', async () => {
    const world = await StoreWorld.start(['abc', 'abc'], { nodes: 'd' })
    const [a = '', b = '', c = '', d = ''] = world.idsOf('abcd')
    const said: string[] = []
    const movement = new Movement(d, (partition, cfg) => void said.push(`${partition} in ${cfg}`))
    const before = world.latest
    assert.deepEqual(movement.onTopology(before), new Map())
    movement.onReconciled(before, 0, a)
    const topology = world.move(['bcd', 'abc'])
    const wanted = new Map([a, b, c].map((id) => [id, [0]]))
    assert.deepEqual(movement.onTopology(topology), wanted)
    for (const id of [b, b, d]) movement.onReconciled(topology, 0, id)
    movement.onReconciled(before, 0, c)
    movement.onReconciled(topology, 1, c)
    assert.deepEqual(said, [])
    movement.onReconciled(topology, 0, c)
    assert.deepEqual(said, ['0 in 4'])
    assert.deepEqual(movement.onTopology({ ...topology, number: 5 }), new Map(), 'said again')
    assert.deepEqual(said, ['0 in 4', '0 in 4'])
    movement.onTopology(world.finish())
    movement.onReconciled(topology, 0, a)
    assert.equal(said.length, 2, 'nothing moves any more')
  })
})
