/** Groups of commits: one sync for all, in order, nothing shown or said before it is durable. */
import assert from 'node:assert/strict'
import { AssertionError } from '../../src/base/assert.ts'
import { isAtollError } from '../../src/base/errors.ts'
import { Bench, bytes, put, text } from './bench.ts'

describe('group commit', () => {
  it('shows a commit to latest at once and to get when durable', async () => {
    const bench = new Bench('visible')
    const database = await bench.open()
    await bench.put(database, { b: 'before' })
    const done = database.commit([put('a', '1'), put('b', null)])
    assert.equal(text(database.latest('a')), '1')
    assert.equal(database.latest('b'), undefined)
    await bench.clock.runUntil(() => bench.asked.at(-1)?.startsWith('sync ') === true)
    assert.equal(database.get('a'), undefined, 'written, not synced')
    assert.equal(text(database.get('b')), 'before')
    assert.deepEqual(await bench.all(database), { b: 'before' })
    await bench.clock.drive(done)
    assert.equal(text(database.get('a')), '1')
    assert.equal(database.get('b'), undefined)
  })

  it('resolves after the sync that covers it, and not before', async () => {
    const bench = new Bench('after')
    const database = await bench.open()
    for (let i = 0; i < 20; i++) {
      const asked = bench.asked.length
      let resolvedAt = -1
      const done = database.commit([put('k', `${i}`)]).then(() => {
        resolvedAt = bench.asked.length
      })
      await bench.clock.drive(done)
      const [append = '', sync, synced] = bench.asked.slice(asked)
      assert.match(append, /^append log-/)
      assert.deepEqual(
        [sync, synced],
        [append.replace('append', 'sync'), `synced ${append.slice(7)}`],
      )
      assert.equal(resolvedAt, asked + 3)
    }
  })

  it('syncs once for all commits of a turn', async () => {
    const bench = new Bench('turn', { tableBytes: 1e6 })
    const database = await bench.open()
    const before = bench.disk.syncs
    const commits = Array.from({ length: 50 }, (_, n) => database.commit([put(`k${n}`, 'x')]))
    await bench.clock.drive(Promise.all(commits))
    assert.equal(bench.disk.syncs - before, 1)
  })

  it('syncs once for all commits of a turn, and once for those of the sync after it', async () => {
    const bench = new Bench('group', { tableBytes: 1e6 })
    const database = await bench.open()
    const before = bench.disk.syncs
    const order: number[] = []
    const commit = async (n: number) => {
      await database.commit([put(`k${n}`, 'x')])
      order.push(n)
    }
    const first = Array.from({ length: 50 }, (_, n) => commit(n))
    await bench.clock.runUntil(() => bench.asked.at(-1)?.startsWith('sync ') === true)
    const second = Array.from({ length: 50 }, (_, n) => commit(50 + n))
    await bench.clock.drive(Promise.all([...first, ...second]))
    assert.equal(bench.disk.syncs - before, 2)
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    )
    assert.equal(order.length, 100)
  })

  it('keeps the order of commits to one key, over groups and a restart', async () => {
    const bench = new Bench('order')
    const database = await bench.open()
    const commits = []
    for (let i = 0; i < 60; i++) {
      commits.push(database.commit([put('k', `${i}a`), put('k', `${i}`)]))
      assert.equal(text(database.latest('k')), `${i}`)
      if (i % 7 === 0) await bench.clock.step()
    }
    await bench.clock.drive(Promise.all(commits))
    assert.equal(text(database.get('k')), '59')
    await bench.close(database)
    assert.equal(text((await bench.open()).get('k')), '59')
  })

  it('keeps for latest the newest of several commits under way', async () => {
    const bench = new Bench('newest')
    const database = await bench.open()
    const first = database.commit([put('k', 'one')])
    await bench.clock.runUntil(() => bench.asked.at(-1)?.startsWith('sync ') === true)
    const second = database.commit([put('k', 'two')])
    await bench.clock.drive(first)
    assert.equal(text(database.get('k')), 'one')
    assert.equal(text(database.latest('k')), 'two')
    await bench.clock.drive(second)
    assert.equal(text(database.get('k')), 'two')
  })

  it('makes an empty commit durable after all before it', async () => {
    const bench = new Bench('empty')
    const database = await bench.open()
    const done = database.commit([put('k', 'v')])
    await bench.clock.drive(database.commit([]))
    assert.equal(text(database.get('k')), 'v')
    await done
  })

  it('refuses a key that would come back changed, and the key of the marker', async () => {
    const bench = new Bench('keys')
    const database = await bench.open()
    for (const odd of ['lone \ud800', '\udc00', '!applied']) {
      await assert.rejects(database.commit([put('k', 'v'), put(odd, 'v')]), AssertionError)
      assert.equal(database.latest('k'), undefined)
    }
  })
})

describe('limits of commits', () => {
  it('refuses what is too large, and more than may wait', async () => {
    const bench = new Bench('bounds', { commitBytes: 100, pendingBytes: 150 })
    const database = await bench.open()
    const commit = (size: number) => database.commit([{ key: 'k', value: new Uint8Array(size) }])
    // Nine bytes of its own, and three for a key of one character.
    await assert.rejects(bench.clock.drive(commit(89)), { code: 'TOO_LARGE' })
    const first = commit(88)
    const refused = commit(39)
    assert.equal(database.latest('k')?.length, 88)
    await assert.rejects(bench.clock.drive(refused), { code: 'BUSY' })
    const second = commit(38)
    await bench.clock.drive(Promise.all([first, second]))
    assert.equal(database.get('k')?.length, 38)
    await bench.clock.drive(commit(88))
  })

  it('says in the log that writes wait too long, and not for each of them', async () => {
    const bench = new Bench('busy', { commitBytes: 100, pendingBytes: 150 })
    const database = await bench.open()
    const commit = () => database.commit([{ key: 'k', value: new Uint8Array(80) }])
    const busy = (): number => bench.logged.filter((event) => event === 'disk.busy').length
    const flood = async (): Promise<void> => {
      const first = commit()
      for (let i = 0; i < 5; i++) await assert.rejects(commit(), { code: 'BUSY' })
      await bench.clock.drive(first)
    }
    await flood()
    await flood()
    assert.equal(busy(), 1)
    await bench.clock.drive(new Promise<void>((resolve) => void bench.clock.after(5000, resolve)))
    await flood()
    assert.equal(busy(), 2)
  })
})

describe('a failing disk', () => {
  for (const fault of ['failSync', 'failWrite'] as const) {
    it(`${fault}: ends the database for good, and tries nothing again`, async () => {
      const bench = new Bench(fault)
      const database = await bench.open()
      await bench.put(database, { a: '1' })
      bench.disk.faults[fault] = true
      const asked = bench.asked.length
      const inFlight = database.commit([put('b', '2')])
      await bench.clock.runUntil(() => bench.asked.length > asked)
      const waiting = database.commit([put('c', '3')])
      const unknown = (error: unknown) =>
        isAtollError(error, 'STORAGE_FAILED') && error.outcome === 'unknown'
      const settled = await bench.clock.drive(Promise.allSettled([inFlight, waiting]))
      assert.ok(settled.every((each) => each.status === 'rejected' && unknown(each.reason)))
      bench.disk.faults[fault] = false
      await assert.rejects(bench.put(database, { d: '4' }), unknown)
      assert.throws(() => database.get('a'), { code: 'STORAGE_FAILED' })
      assert.throws(() => database.latest('b'), { code: 'STORAGE_FAILED' })
      await assert.rejects(bench.all(database), { code: 'STORAGE_FAILED' })
      assert.ok(isAtollError(await database.failed, 'STORAGE_FAILED'))
      await bench.clock.advance(60_000)
      await bench.clock.drive(database.close())
      const after = bench.asked.slice(asked).filter((what) => what !== 'close index')
      const name = bench.lastSegment()
      const expected =
        fault === 'failSync' ? [`append ${name}`, `sync ${name}`] : [`append ${name}`]
      assert.deepEqual(after, expected)
    })
  }

  it('acknowledges nothing once something else has ended the database', async () => {
    const bench = new Bench('ended')
    const database = await bench.open()
    await bench.put(database, { old: 'x'.repeat(2_500) })
    await bench.clock.advance(100)
    await bench.put(database, { other: 'y' })
    bench.disk.flipIndexBit('index', 'old', 10)
    const inFlight = database.commit([put('b', '2')])
    await bench.clock.runUntil(() => bench.asked.at(-1)?.startsWith('sync ') === true)
    assert.throws(() => database.get('old'), { code: 'DISK_DAMAGED' })
    await assert.rejects(bench.clock.drive(inFlight), { code: 'DISK_DAMAGED' })
    assert.ok(isAtollError(await database.failed, 'DISK_DAMAGED'))
    await bench.clock.drive(database.close())
  })

  it('leaves no commit without an answer when two things fail at once', async () => {
    const bench = new Bench('both')
    const database = await bench.open()
    await bench.put(database, { old: 'x'.repeat(2_500) })
    await bench.clock.advance(100)
    bench.disk.flipIndexBit('index', 'old', 10)
    bench.disk.faults.failSync = true
    const inFlight = database.commit([put('b', '2')])
    await bench.clock.runUntil(() => bench.asked.at(-1)?.startsWith('sync ') === true)
    assert.throws(() => database.get('old'), { code: 'DISK_DAMAGED' })
    const answer = Promise.race([
      inFlight,
      new Promise((resolve) => {
        bench.clock.after(60_000, () => resolve('none'))
      }),
    ])
    await assert.rejects(bench.clock.drive(answer), { code: 'DISK_DAMAGED' })
  })
})

describe('a full disk', () => {
  it('refuses the group and all that may build on it, and goes on when there is room', async () => {
    const bench = new Bench('full')
    const database = await bench.open()
    await bench.put(database, { a: '1' })
    const asked = bench.asked.length
    bench.disk.faults.capacityBytes = 0
    const first = database.commit([put('a', '2'), put('b', '2')])
    await bench.clock.step()
    const second = database.commit([put('c', text(database.latest('b')) ?? '')])
    await assert.rejects(bench.clock.drive(first), { code: 'DISK_FULL', outcome: 'not-applied' })
    await assert.rejects(bench.clock.drive(second), { code: 'DISK_FULL', outcome: 'not-applied' })
    assert.ok(!bench.asked.slice(asked).some((what) => what.startsWith('sync')))
    assert.equal(text(database.latest('a')), '1')
    assert.equal(database.latest('b'), undefined)
    bench.disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    await bench.put(database, { a: '3' })
    assert.deepEqual(await bench.all(await bench.reopen()), { a: '3' })
  })

  it('is closed without its seal when there is no room for that', async () => {
    const bench = new Bench('full-close')
    const database = await bench.open()
    await bench.put(database, { a: '1' })
    bench.disk.faults.capacityBytes = 0
    await bench.close(database)
    bench.disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    assert.deepEqual(await bench.all(await bench.open()), { a: '1' })
  })
})

describe('closing', () => {
  it('makes durable what was committed before, and takes nothing after', async () => {
    const bench = new Bench('close')
    const database = await bench.open()
    const commits = [1, 2, 3].map((n) => database.commit([{ key: `k${n}`, value: bytes('v') }]))
    const closed = database.close()
    await assert.rejects(database.commit([put('late', 'v')]), { code: 'STOPPED' })
    await bench.clock.drive(Promise.all([...commits, closed]))
    bench.disk.powerLoss()
    assert.deepEqual(Object.keys(await bench.all(await bench.open())), ['k1', 'k2', 'k3'])
  })

  it('seals the log once, however often it is opened', async () => {
    const bench = new Bench('seal')
    await bench.close(await bench.open())
    assert.equal(bench.sizeOf(bench.lastSegment()), 0)
    const database = await bench.open()
    await bench.put(database, { a: '1' })
    const before = bench.sizeOf(bench.lastSegment())
    await bench.close(database)
    assert.equal(bench.sizeOf(bench.lastSegment()), before + 16)
    await bench.close(await bench.open())
    assert.equal(bench.sizeOf(bench.lastSegment()), before + 16)
  })
})
