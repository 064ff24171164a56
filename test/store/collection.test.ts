/** What is dead goes from all disks in the end, and nothing of it ever comes back. */
import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import {
  decodeConfirmation,
  encodeCollectRequest,
} from '../../src/store/collect/collect-messages.ts'
import { recordHash } from '../../src/store/collect/confirm.ts'
import { encodeRecords } from '../../src/store/sync/sync-messages.ts'
import { Fences } from '../../src/store/fences.ts'
import { deadRow } from '../../src/store/collect/index-rows.ts'
import { encodeWrite } from '../../src/store/messages.ts'
import { encodeRecord, type StoreRecord } from '../../src/store/record.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { contextOf, recordOf } from './arbitrary.ts'
import { isRead, isSync, isWrite, type Question, StoreWorld } from './world.ts'

const NO_BYTES = new Uint8Array()
/** A round comes at least so often. */
const ROUND_MS = 50_000

/** Of a disk: all that the store keeps of data, rows of its lists included. */
async function rowsOf(world: StoreWorld, name: string, prefix = ''): Promise<string[]> {
  const { database } = world.node(name)
  const scan = async (): Promise<string[]> => {
    const rows: string[] = []
    for (const range of [
      { from: 'kv/', to: 'kv0' },
      { from: 'gc/dead/', to: 'gc/dead0' },
      { from: 'gc/expiry/', to: 'gc/expiry0' },
    ]) {
      for await (const [key] of database?.scan(range) ?? []) rows.push(key)
    }
    return rows.filter((row) => row.startsWith(prefix))
  }
  return world.drive(scan())
}

async function isEmpty(world: StoreWorld, names = 'abc'): Promise<boolean> {
  for (const name of names) if ((await rowsOf(world, name)).length > 0) return false
  return true
}

function isConfirm({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.KV_COLLECT_CONFIRM
}

function isDrop({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.KV_COLLECT_DROP
}

/** `k` was written, replaced and deleted; all replicas know. */
async function deleted(sets = ['abc'], nodes = 'd'): Promise<StoreWorld> {
  const world = await StoreWorld.start(sets, { nodes })
  await world.drive(world.kv('b').put('k', 'v1', { write: 'all' }))
  await world.drive(world.kv('c').put('k', 'v2', { write: 'all' }))
  await world.drive(world.kv('b').del('k', { write: 'all' }))
  return world
}

/** Keeps the first question of a kind until it is let go. */
function holdBack(world: StoreWorld, isHeld: (question: Question) => boolean) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const held = { count: 0, letGo: resolve }
  world.fate = (question) => {
    if (held.count > 0 || !isHeld(question)) return undefined
    held.count++
    return promise
  }
  return held
}

/** A record that a replica once held, sent as a write of then. */
async function resend(
  world: StoreWorld,
  to: string,
  record: StoreRecord,
  round: number,
  key = 'k',
) {
  const header = { topology: world.latest.number, partition: 0, cfg: 2 }
  const body = encodeWrite(header, round, key, encodeRecord(record))
  const { id } = world.node(to).member
  const { mesh } = world.node('a')
  const answer = mesh.request(id, REQUEST_KINDS.KV_WRITE, body, { timeoutMs: 5000 })
  return world.drive(answer)
}

describe('collection', () => {
  it('removes what was deleted from all disks, and every row of it', async () => {
    const world = await deleted()
    for (const name of 'abc') assert.equal((await rowsOf(world, name)).length, 2)
    await world.wait(ROUND_MS)
    assert.ok(await isEmpty(world))
    assert.equal(world.kv('a').counts.collected, 1)
    assert.equal(world.kv('a').held?.records, 0)
    assert.equal(await world.drive(world.kv('c').get('k')), null)
    await world.drive(world.kv('c').put('k', 'new', { write: 'all' }))
    for (const name of 'abc') assert.deepEqual(world.held(name, 'k'), ['new'])
  })

  it('costs nothing when nothing is dead', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    await world.wait(5 * ROUND_MS)
    assert.ok(!world.asked.some((q) => isConfirm(q) || isDrop(q)))
    assert.deepEqual(await rowsOf(world, 'a', 'gc/'), [])
    await world.drive(world.kv('a').del('k', { write: 'all' }))
    await world.wait(2 * ROUND_MS)
    const { length } = world.asked.filter((q) => isConfirm(q) || isDrop(q))
    assert.equal(length, 4, 'one round of two messages to two others')
    await world.wait(10 * ROUND_MS)
    assert.equal(world.asked.filter((q) => isConfirm(q) || isDrop(q)).length, length)
  })

  it('goes on in batches, past what cannot go', async () => {
    const world = await StoreWorld.start(['abc'])
    for (let i = 0; i < 300; i++) {
      const key = `k${i.toString().padStart(3, '0')}`
      await world.drive(world.kv('a').del(key, { write: 'all' }))
    }
    // b has heard of another deletion of the first two hundred, and nobody may mend it.
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    const dot = { actor: 'x', n: 1 }
    const tombstone = { dot, stamp: 1, expiresAtMs: 0, kind: 'tombstone', value: NO_BYTES } as const
    const other = recordOf(contextOf(new Map([['x', 1]])), [tombstone])
    for (let i = 0; i < 200; i++) {
      await resend(world, 'b', other, 0, `k${i.toString().padStart(3, '0')}`)
    }
    await world.wait(4 * ROUND_MS)
    assert.equal((await rowsOf(world, 'a', 'kv/')).length, 200)
    world.fate = () => undefined
    await world.wait(6 * ROUND_MS)
    assert.ok(await isEmpty(world))
  })

  it('goes on after a restart', async () => {
    const world = await deleted()
    for (const name of 'abc') world.crash(name)
    for (const name of 'abc') await world.boot(name)
    await world.wait(2 * ROUND_MS)
    assert.ok(await isEmpty(world))
  })

  for (const name of 'abc') {
    it(`waits for ${name} when it is away`, async () => {
      const world = await deleted()
      world.lose(name)
      await world.wait(3 * ROUND_MS)
      for (const other of 'abc') assert.deepEqual(world.held(other, 'k'), ['†'])
      world.find(name)
      await world.wait(2 * ROUND_MS)
      assert.ok(await isEmpty(world))
    })
  }

  it('waits for who has not heard of the deletion, and for who holds more', async () => {
    for (const odd of 'bc') {
      const world = await StoreWorld.start(['abc'])
      await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
      world.fate = (q) => (isSync(q) || (isWrite(q) && q.to === odd) ? 'unreachable' : undefined)
      await world.drive(world.kv('a').del('k'))
      await world.wait(3 * ROUND_MS)
      assert.deepEqual(world.held('a', 'k'), ['†'], `${odd} has the value still`)
      assert.ok(
        world.asked.some((q) => isSync(q) && q.from === 'a' && q.to === odd),
        'mends it',
      )
      world.fate = () => undefined
      await world.wait(3 * ROUND_MS)
      assert.ok(await isEmpty(world))
    }
  })

  it('waits while a partition moves, and until every former replica has offered', async () => {
    const world = await deleted()
    world.move(['bcd'])
    await world.tell()
    await world.wait(3 * ROUND_MS)
    assert.deepEqual(world.held('b', 'k'), ['†'])
    world.finish()
    await world.tell()
    await world.wait(3 * ROUND_MS)
    assert.deepEqual(world.held('b', 'k'), ['†'], 'the list names a')
    assert.ok(!world.asked.some(isConfirm), 'nobody is asked in vain')
    world.forget()
    await world.tell()
    await world.wait(2 * ROUND_MS)
    assert.ok(await isEmpty(world, 'abcd'))
  })

  it('takes back what a former replica had for weeks', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', 'old', { write: 'all' }))
    world.lose('a')
    world.move(['bcd'])
    await world.tell('bcd')
    await world.wait(3000)
    world.finish()
    await world.tell('bcd')
    await world.drive(world.kv('b').del('k'))
    await world.wait(20 * ROUND_MS)
    assert.deepEqual(world.held('b', 'k'), ['†'])
    world.find('a')
    await world.tell('a')
    await world.until('a has let go', () => world.node('a').emptied.length > 0, ROUND_MS)
    assert.equal(await world.drive(world.kv('d').get('k')), null)
    world.forget()
    await world.tell()
    await world.wait(2 * ROUND_MS)
    assert.ok(await isEmpty(world, 'abcd'))
  })
})

describe('fences of collection', () => {
  it('refuse a write that was under way since before', async () => {
    const world = await StoreWorld.start(['abc'])
    const held = holdBack(world, (q) => isWrite(q) && q.to === 'c')
    await world.drive(world.kv('b').put('k', 'late'))
    await world.drive(world.kv('b').del('k'))
    await world.wait(2 * ROUND_MS)
    assert.equal(held.count, 1)
    assert.ok(await isEmpty(world))
    held.letGo()
    await world.wait(1000)
    assert.deepEqual(world.held('c', 'k'), [])
    assert.equal(world.kv('c').counts.fencedOff, 1)
    assert.equal(await world.drive(world.kv('c').get('k', { read: 'all' })), null)
  })

  it('refuse the repair of a reader that was paused', async () => {
    const world = await StoreWorld.start(['abc'], { edges: 'e' })
    world.fate = (q) => (isSync(q) || (isWrite(q) && q.to === 'c') ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'v'))
    const held = holdBack(world, (q) => isWrite(q) && q.from === 'e')
    await world.drive(world.kv('e').get('k', { read: 'all' }))
    await world.until('e repairs c', () => held.count > 0)
    await world.drive(world.kv('a').del('k', { write: 'all' }))
    await world.wait(2 * ROUND_MS)
    assert.ok(await isEmpty(world))
    held.letGo()
    await world.wait(1000)
    assert.ok(await isEmpty(world))
  })

  it('take a repair for as old as the oldest of its parts', async () => {
    const world = await StoreWorld.start(['abc'], { edges: 'e' })
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    await world.drive(world.kv('a').put('d', 'v', { write: 'all' }))
    await world.drive(world.kv('a').del('d', { write: 'all' }))
    // The answer of b is of before the round, that of a of after it.
    const early = Promise.withResolvers<void>()
    world.fate = (q) => (isRead(q) && q.to !== 'b' ? early.promise : isSync(q) ? 'lost' : undefined)
    const read = world.drive(world.kv('e').get('k', { deadlineMs: 290_000, read: 'all' }))
    await world.wait(10)
    await world.drive(world.kv('a').del('k', { write: 'all' }))
    await world.wait(2 * ROUND_MS)
    assert.ok(await isEmpty(world))
    early.resolve()
    await read
    await world.wait(1000)
    assert.ok(await isEmpty(world), 'what b said is of the past, and so is what it was joined to')
  })

  it('refuse a push that was under way, also of a former replica', async () => {
    for (const from of ['a', 'b']) {
      const world = await StoreWorld.start(['abc'], { nodes: 'd' })
      world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
      await world.drive(world.kv('a').put('k', 'v'))
      world.fate = (q) => (isSync(q) || (isWrite(q) && q.to === 'c') ? 'unreachable' : undefined)
      await world.drive(world.kv('a').put('k', 'w'))
      let to = 'c'
      if (from === 'a') {
        world.move(['bcd'])
        await world.tell()
        world.fate = (q) => (isSync(q) && q.from !== 'd' ? 'unreachable' : undefined)
        await world.wait(3000)
        world.finish()
        to = 'd'
      }
      const push = (q: Question): boolean => {
        return q.kind === REQUEST_KINDS.KV_SYNC_PUSH && q.from === from && q.to === to
      }
      const held = holdBack(world, push)
      await world.tell()
      await world.wait(20_000)
      const group = from === 'a' ? 'bcd' : 'abc'
      await world.drive(world.kv('b').del('k', { write: 'all' }))
      if (from === 'a') {
        await world.wait(20_000)
        world.forget()
        await world.tell()
      }
      await world.wait(3 * ROUND_MS)
      const isGone = await isEmpty(world, group)
      held.letGo()
      await world.wait(1000)
      if (held.count > 0) assert.ok(isGone && (await isEmpty(world, group)), `pushed by ${from}`)
    }
  })

  it('have a coordinator send what it holds by now, not what it made before', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const gate = Promise.withResolvers<void>()
    let sent = 0
    world.fate = (q) => (isWrite(q) && q.from === 'a' && sent++ < 2 ? gate.promise : undefined)
    const put = world.kv('a').put('k', 'v', { deadlineMs: 290_000 })
    const ended = put.catch(() => null)
    await world.wait(20_000)
    await world.drive(world.kv('b').del('k', { write: 'all' }))
    await world.wait(3 * ROUND_MS)
    assert.ok(await isEmpty(world))
    // a goes on with the key, and b does not hear of it.
    world.fate = (q) => (isSync(q) || (isWrite(q) && q.to === 'b') ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'new'))
    assert.deepEqual(world.held('b', 'k'), [])
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    gate.resolve()
    await world.drive(ended)
    await world.wait(1000)
    for (const name of 'abc') assert.deepEqual(world.held(name, 'k'), ['new'], name)
  })

  it('end a write whose coordinator holds nothing of it any more: nobody knows', async () => {
    const world = await StoreWorld.start(['abc'])
    const gate = Promise.withResolvers<void>()
    let sent = 0
    world.fate = (q) => (isWrite(q) && q.from === 'a' && sent++ < 2 ? gate.promise : undefined)
    const put = world.kv('a').put('k', 'v', { deadlineMs: 290_000 })
    const ended = put.then(
      () => 'ok',
      (error: unknown) => (isAtollError(error) ? error.outcome : 'error'),
    )
    await world.wait(20_000)
    await world.drive(world.kv('b').del('k', { write: 'all' }))
    await world.wait(3 * ROUND_MS)
    gate.resolve()
    assert.equal(await world.drive(ended), 'unknown')
    assert.ok(await isEmpty(world))
  })

  it('refuse a push of before, of another configuration, and of a stranger', async () => {
    const world = await deleted()
    const old = await StoreWorld.start(['abc'])
    await old.drive(old.kv('b').put('k', 'old', { write: 'all' }))
    const records = [['k', encodeRecord(old.record('b', 'k'))] as const]
    await world.wait(2 * ROUND_MS)
    assert.ok(await isEmpty(world))
    world.fate = (q) => (isSync(q) && q.to !== 'b' ? 'unreachable' : undefined)
    const push = (from: string, cfg: number, round: number): Promise<unknown> => {
      const { number: topology } = world.latest
      const message = { topology, partition: 0, era: { cfg, round }, records }
      const { id } = world.node('b').member
      const options = { timeoutMs: 1000 }
      const { mesh } = world.node(from)
      const kind = REQUEST_KINDS.KV_SYNC_PUSH
      return world.drive(mesh.request(id, kind, encodeRecords(message), options))
    }
    await assert.rejects(push('a', 2, 0), /past/)
    await assert.rejects(push('a', 1, 9), /past/)
    await assert.rejects(push('d', 2, 9), /no replica/)
    assert.deepEqual(world.held('b', 'k'), [])
    await push('a', 2, 1)
    assert.deepEqual(world.held('b', 'k'), ['old'], 'of the round itself')
  })

  it('outlive a restart, and belong to a configuration', async () => {
    const world = await deleted()
    const old = await StoreWorld.start(['abc'])
    await old.drive(old.kv('b').put('k', 'old', { write: 'all' }))
    const record = old.record('b', 'k')
    await world.wait(2 * ROUND_MS)
    assert.ok(await isEmpty(world))
    world.crash('c')
    await world.boot('c')
    await resend(world, 'c', record, 0)
    assert.deepEqual(world.held('c', 'k'), [])
    await resend(world, 'c', record, 1)
    assert.deepEqual(world.held('c', 'k'), ['old'], 'of the round itself')
    world.move(['bcd'])
    await world.tell()
    await resend(world, 'b', record, 9)
    assert.deepEqual(world.held('b', 'k'), [], 'of a configuration that is over')
  })

  it('close when what is dropped is dropped: both are durable or none', async () => {
    const world = await deleted()
    Object.assign(world.disk('b'), { syncMs: () => 50 })
    await world.until('b drops', () => world.asked.some((q) => isDrop(q) && q.to === 'b'), ROUND_MS)
    await world.wait(5)
    world.crash('b')
    await world.boot('b')
    assert.deepEqual(world.held('b', 'k'), ['†'])
    await world.wait(3 * ROUND_MS)
    assert.ok(await isEmpty(world))
  })
})

describe('rounds of collection', () => {
  it('are taken part in once: not after a crash, and not by two collectors', async () => {
    const world = await StoreWorld.start(['a'])
    const { database } = world.node('a')
    assert.ok(database !== null)
    const fences = new Fences(database)
    let looks = 0
    const look = (): void => void looks++
    const first = fences.raise(0, 2, 1, look)
    assert.equal(fences.roundOf(0, 2), 0, 'it is not durable yet')
    assert.equal(await world.drive(fences.raise(0, 2, 1, look)), false)
    assert.equal(await world.drive(first), true)
    assert.equal(fences.roundOf(0, 2), 1)
    assert.equal(looks, 1)
    const later = new Fences(database)
    assert.equal(later.roundOf(0, 2), 1)
    assert.equal(await world.drive(later.raise(0, 2, 1, look)), false)
    assert.equal(await world.drive(later.raise(0, 2, 3, look)), true)
    assert.equal(await world.drive(later.raise(0, 2, 2, look)), false)
    assert.throws(() => later.close(0, 2, 4), /not confirmed/)
    assert.equal(later.roundOf(0, 5), 0, 'another configuration')
    assert.equal(later.admits(0, 2, { cfg: 2, round: 2 }), true)
    await world.drive(database.commit([later.close(0, 2, 3)]))
    assert.equal(later.admits(0, 2, { cfg: 2, round: 2 }), false)
    assert.equal(new Fences(database).admits(0, 2, { cfg: 2, round: 2 }), false)
    assert.equal(later.admits(0, 2, { cfg: 1, round: 9 }), false)
    assert.equal(later.admits(0, 5, { cfg: 5, round: 0 }), true)
  })

  it('of a configuration stay up whatever is heard late of the one before', async () => {
    const world = await StoreWorld.start(['a'])
    const { database } = world.node('a')
    assert.ok(database !== null)
    const fences = new Fences(database)
    const look = (): void => undefined
    assert.equal(await world.drive(fences.raise(0, 7, 2, look)), true)
    await world.drive(database.commit([fences.close(0, 7, 2)]))
    assert.equal(await world.drive(fences.raise(0, 5, 9, look)), false)
    assert.equal(await world.drive(fences.raise(0, 7, 2, look)), false, 'it took part in it')
    const under = fences.raise(0, 9, 1, look)
    assert.equal(await world.drive(fences.raise(0, 7, 3, look)), false, '9 is on its way')
    assert.equal(await world.drive(under), true)
    for (const each of [fences, new Fences(database)]) {
      assert.equal(each.roundOf(0, 9), 1)
      assert.equal(await world.drive(each.raise(0, 7, 3, look)), false)
    }
  })

  it('keep their floor through a restart after such a word', async () => {
    const world = await StoreWorld.start(['a'])
    const { database } = world.node('a')
    assert.ok(database !== null)
    const fences = new Fences(database)
    const look = (): void => undefined
    await world.drive(fences.raise(0, 7, 2, look))
    await world.drive(database.commit([fences.close(0, 7, 2)]))
    await world.drive(fences.raise(0, 5, 9, look))
    const later = new Fences(database)
    assert.equal(later.admits(0, 7, { cfg: 7, round: 1 }), false)
    assert.equal(later.admits(0, 7, { cfg: 7, round: 2 }), true)
  })

  it('die with a replica that took part and said no', async () => {
    const world = await deleted()
    let confirms = 0
    world.fate = (q) =>
      isConfirm(q) && q.to === 'c' && confirms++ === 0 ? 'answer lost' : undefined
    await world.wait(ROUND_MS)
    assert.deepEqual(world.held('a', 'k'), ['†'])
    await world.wait(3 * ROUND_MS)
    assert.ok(await isEmpty(world))
  })

  it('take the record of who did not hear of the end back, and collect it later', async () => {
    const world = await deleted()
    let drops = 0
    world.fate = (q) => (isDrop(q) && q.to === 'c' && drops++ === 0 ? 'lost' : undefined)
    await world.until('a has dropped it', () => world.held('a', 'k').length === 0, 2 * ROUND_MS)
    assert.deepEqual(world.held('c', 'k'), ['†'])
    await world.wait(4 * ROUND_MS)
    assert.ok(await isEmpty(world))
  })

  it('drop nothing that changed since it was confirmed', async () => {
    const world = await deleted()
    const held = holdBack(world, isDrop)
    await world.until('b is told to drop it', () => held.count > 0, ROUND_MS)
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    await world.drive(world.kv('b').put('k', 'new', { write: 'all' }))
    held.letGo()
    await world.wait(1000)
    for (const name of 'abc') assert.deepEqual(world.held(name, 'k'), ['new'], name)
  })

  it('look at what is here: what lives and what changes is not confirmed', async () => {
    const world = await deleted()
    for (const key of ['alive', 'deleted']) {
      await world.drive(world.kv('a').put(key, 'v', { write: 'all' }))
    }
    await world.drive(world.kv('a').del('changes', { write: 'all' }))
    world.fate = (q) => (isSync(q) || (isWrite(q) && q.to === 'b') ? 'unreachable' : undefined)
    await world.drive(world.kv('a').del('deleted'))
    const keys = ['k', 'alive', 'changes', 'deleted', 'nothing']
    const doomed = keys.map((key) => {
      return { key, hash: recordHash(encodeRecord(world.record('a', key))) }
    })
    Object.assign(world.disk('b'), { syncMs: () => 20 })
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    const body = encodeCollectRequest({ topology: 2, partition: 0, cfg: 2, round: 1, doomed })
    const { id } = world.node('b').member
    const kind = REQUEST_KINDS.KV_COLLECT_CONFIRM
    const answer = world.node('a').mesh.request(id, kind, body, { timeoutMs: 1000 })
    // The round is on its way to the disk; a change, and the deletion itself, are behind it.
    await world.wait(5)
    const put = world.kv('b').put('changes', 'new', { write: 'one' })
    const late = resend(world, 'b', world.record('a', 'deleted'), 0, 'deleted')
    const word = decodeConfirmation(await world.drive(answer))
    assert.deepEqual(word, { kind: 'took-part', confirmed: [true, false, false, false, false] })
    await world.drive(Promise.all([put, late]))
  })

  it('bind who is asked: a movement binds, and former replicas bind', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const request = { partition: 0, round: 1, doomed: [] }
    const ask = (): Promise<unknown> => {
      const { number: topology, partitions } = world.latest
      const cfg = partitions[0]?.cfg ?? 0
      const body = encodeCollectRequest({ ...request, topology, cfg })
      const { id } = world.node('b').member
      const kind = REQUEST_KINDS.KV_COLLECT_CONFIRM
      return world.drive(world.node('c').mesh.request(id, kind, body, { timeoutMs: 1000 }))
    }
    world.move(['bcd'])
    await world.tell()
    await world.wait(3000)
    await assert.rejects(ask(), /at rest/)
    world.finish()
    await world.tell()
    await assert.rejects(ask(), /at rest/)
    world.forget()
    await world.tell()
    await ask()
  })

  it('confirm nothing when a movement began while the round was made durable', async () => {
    const world = await deleted()
    const hash = recordHash(encodeRecord(world.record('b', 'k')))
    const doomed = [{ key: 'k', hash }]
    const request = { topology: 2, partition: 0, cfg: 2, round: 1, doomed }
    const { id } = world.node('b').member
    Object.assign(world.disk('b'), { syncMs: () => 50 })
    world.move(['bcd'])
    const learning = world.node('b').topology.learn(world.latest)
    await world.wait(5)
    const kind = REQUEST_KINDS.KV_COLLECT_CONFIRM
    const body = encodeCollectRequest(request)
    const answer = world.node('a').mesh.request(id, kind, body, { timeoutMs: 1000 })
    await world.drive(learning)
    const word = decodeConfirmation(await world.drive(answer))
    assert.deepEqual(word, { kind: 'took-part', confirmed: [false] })
  })

  it('end where a movement begins between their phases', async () => {
    const world = await deleted()
    const held = holdBack(world, isDrop)
    await world.until('b is told to drop it', () => held.count > 0, ROUND_MS)
    world.move(['bcd'])
    await world.tell()
    held.letGo()
    await world.wait(1000)
    assert.deepEqual(world.held('b', 'k'), ['†'])
  })

  it('are the first replica’s', async () => {
    const world = await deleted()
    await world.wait(2 * ROUND_MS)
    const by = new Set(world.asked.filter(isConfirm).map(({ from }) => from))
    assert.deepEqual(by, new Set(['a']))
  })

  it('are of members alone, of replicas, and of their configuration', async () => {
    const world = await StoreWorld.start(['ab', 'b'], { nodes: 'c', edges: 'e' })
    const { WireWriter } = await import('../../src/wire/codec.ts')
    const ask = (from: string, kind: number, partition: number, cfg: number): Promise<unknown> => {
      const body = new WireWriter()
        .uint(2)
        .uint(partition)
        .uint(cfg)
        .uint(1)
        .list([], () => {})
        .finish()
      const { id } = world.node('b').member
      return world.drive(world.node(from).mesh.request(id, kind, body, { timeoutMs: 1000 }))
    }
    for (const kind of [REQUEST_KINDS.KV_COLLECT_CONFIRM, REQUEST_KINDS.KV_COLLECT_DROP]) {
      await assert.rejects(ask('c', kind, 0, 2), /DENIED|replica/)
      await assert.rejects(ask('e', kind, 0, 2), /DENIED|edge/)
      await assert.rejects(ask('a', kind, 1, 2), /DENIED|replica/)
      await assert.rejects(ask('a', kind, 0, 1), /CONFLICT|rest/)
    }
    await ask('a', REQUEST_KINDS.KV_COLLECT_CONFIRM, 0, 2)
    await ask('a', REQUEST_KINDS.KV_COLLECT_DROP, 0, 2)
  })

  it('leave rows of what is alive, and of what is not here, to nobody', async () => {
    const world = await StoreWorld.start(['a'])
    await world.drive(world.kv('a').put('k', 'v'))
    const { database } = world.node('a')
    await world.drive(database?.commit([deadRow(0, 'k'), deadRow(0, 'gone')]) ?? Promise.resolve())
    world.crash('a')
    await world.boot('a')
    await world.wait(2 * ROUND_MS)
    assert.deepEqual(await rowsOf(world, 'a', 'gc/'), [])
    assert.deepEqual(world.held('a', 'k'), ['v'])
  })
})
