/** From the table to the index: order, crashes in between, a full disk, and damage to the index. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isAtollError } from '../../src/base/errors.ts'
import type { Database } from '../../src/disk/database.ts'
import { isSame, NOTHING, withEntry, withoutEntry } from '../../src/disk/fingerprint.ts'
import { Bench, put, text } from './bench.ts'

const BIG = 'x'.repeat(2_500)

/** A database whose index holds these entries, all of them and nothing else. */
async function indexed(seed: string, entries: Record<string, string>): Promise<Bench> {
  const bench = new Bench(seed)
  const database = await bench.open()
  await bench.put(database, entries)
  await bench.clock.advance(100)
  await bench.put(database, { zz: BIG })
  await bench.clock.advance(100)
  await bench.put(database, { zz: null })
  await bench.put(database, { zzz: BIG })
  await bench.clock.advance(100)
  await bench.close(database)
  assert.deepEqual(bench.disk.indexKeys('index'), ['!applied', ...Object.keys(entries), 'zzz'])
  return bench
}

async function failure(bench: Bench, database: Database): Promise<Error | null> {
  let failed: Error | null = null
  const watching = database.failed.then((error) => {
    failed = error
  })
  await bench.clock.advance(1_000)
  if (failed !== null) await watching
  return failed
}

describe('checkpoint', () => {
  it('removes the log only when the index has it, synced', async () => {
    const bench = new Bench('order')
    const database = await bench.open()
    await bench.put(database, { a: '1' })
    const asked = bench.asked.length
    await bench.put(database, { b: BIG })
    await bench.clock.advance(100)
    assert.deepEqual(bench.asked.slice(asked), [
      'append log-000000000000001',
      'sync log-000000000000001',
      'synced log-000000000000001',
      'open log-000000000000003',
      'batch of 3',
      'batch synced',
      'remove log-000000000000001',
    ])
    assert.deepEqual(await bench.all(database), { a: '1', b: BIG })
  })

  it('loses nothing to a power loss at any moment, and the index stays whole', async () => {
    for (let stopAt = 1; stopAt <= 60; stopAt++) {
      const bench = new Bench(`checkpoint-${stopAt}`)
      const database = await bench.open()
      const acked: number[] = []
      const start = bench.clock.ran
      const work = async () => {
        for (let i = 0; i < 12; i++) {
          await database.commit([put(`k${i}`, `${i}`.padEnd(900)), put('last', `${i}`)])
          acked.push(i)
        }
      }
      void work()
      await bench.clock.runUntil(() => bench.clock.ran - start >= stopAt)
      bench.disk.powerLoss()
      const next = await bench.open()
      const found = await bench.all(next)
      const last = Number(found['last'] ?? -1)
      assert.ok(last >= (acked.at(-1) ?? -1), `checkpoint-${stopAt}`)
      assert.equal(Object.keys(found).length, last < 0 ? 0 : last + 2)
      assert.equal(await failure(bench, next), null)
    }
  })

  it('waits on a full disk, answers meanwhile, and ends when there is room', async () => {
    const bench = new Bench('full-index')
    const database = await bench.open()
    await bench.put(database, { a: '1', old: BIG })
    await bench.clock.advance(100)
    bench.disk.faults.failIndex = 'DISK_FULL'
    await bench.put(database, { b: BIG })
    await bench.clock.advance(400)
    assert.ok(bench.asked.filter((what) => what === 'batch of 2').length > 3, 'it tries again')
    assert.deepEqual(bench.segments(), ['log-000000000000002', 'log-000000000000003'])
    assert.equal(text(database.get('a')), '1')
    await bench.put(database, { c: '3' })
    bench.disk.faults.failIndex = null
    await bench.clock.advance(100)
    assert.deepEqual(bench.segments(), ['log-000000000000003'])
    assert.deepEqual(await bench.all(await bench.reopen()), { a: '1', b: BIG, c: '3', old: BIG })
  })

  it('says BUSY, and lives on, to a read while the index is opened again', async () => {
    const bench = new Bench('reopening')
    const database = await bench.open()
    await bench.put(database, { a: '1', old: BIG })
    await bench.clock.advance(100)
    bench.disk.faults.failIndex = 'DISK_FULL'
    await bench.put(database, { b: BIG })
    await bench.clock.advance(30)
    bench.disk.faults.failIndex = null
    await bench.clock.runUntil(() => bench.asked.at(-1) === 'open index')
    assert.throws(() => database.get('a'), { code: 'BUSY' })
    await assert.rejects(bench.all(database), { code: 'BUSY' })
    assert.equal(text(database.get('b')), BIG, 'what is in memory needs no index')
    assert.equal(await failure(bench, database), null)
    assert.equal(text(database.get('a')), '1')
  })

  it('refuses commits once the table has grown eightfold, and says why', async () => {
    const bench = new Bench('overflow')
    const database = await bench.open()
    bench.disk.faults.failIndex = 'DISK_FULL'
    await bench.put(database, { first: BIG })
    let kept = 0
    const fill = async () => {
      for (; kept < 100; kept++) await bench.put(database, { [`k${kept}`]: 'x'.repeat(500) })
    }
    await assert.rejects(fill(), { code: 'DISK_FULL', hint: 'free space on the data disk' })
    assert.ok(kept > 25 && kept < 40, `${kept}`)
    bench.disk.faults.failIndex = null
    await bench.clock.advance(1_000)
    await bench.put(database, { more: 'x' })
    assert.equal(Object.keys(await bench.all(await bench.reopen())).length, kept + 2)
  })

  it('begins on its own once there is room, when all commits are refused', async () => {
    const bench = new Bench('stuck')
    const database = await bench.open()
    await bench.put(database, { first: BIG })
    // Far more than the table may hold comes while the first checkpoint is under way.
    await bench.put(database, { huge: 'x'.repeat(20_000) })
    await bench.clock.advance(100)
    await bench.put(database, { more: 'x' })
    bench.disk.faults.failIndex = 'DISK_FULL'
    await bench.put(database, { second: BIG })
    await bench.put(database, { huge: 'y'.repeat(20_000) })
    await bench.clock.advance(100)
    await assert.rejects(bench.put(database, { more: 'y' }), { code: 'DISK_FULL' })
    // A start finds it as large as it was.
    const next = await bench.reopen()
    await assert.rejects(bench.put(next, { more: 'y' }), { code: /^(BUSY|DISK_FULL)$/ })
    bench.disk.faults.failIndex = null
    await bench.clock.advance(200)
    await bench.put(next, { more: 'y' })
  })

  it('that cannot begin for want of room is tried again', async () => {
    const bench = new Bench('no-segment')
    const database = await bench.open()
    const { faults } = bench.disk
    const fill = database.commit([put('huge', 'x'.repeat(20_000))])
    faults.failOpen = true
    await bench.clock.drive(fill)
    await assert.rejects(bench.put(database, { more: 'x' }), { code: /^(BUSY|DISK_FULL)$/ })
    await bench.clock.advance(500)
    assert.equal(bench.segments().length, 1)
    await assert.rejects(bench.put(database, { more: 'x' }), { code: 'DISK_FULL' })
    faults.failOpen = false
    await bench.clock.advance(500)
    await bench.put(database, { more: 'x' })
  })

  it('says BUSY, not that the disk is full, when the index is only slow', async () => {
    const bench = new Bench('slow')
    const database = await bench.open()
    await bench.put(database, { first: BIG })
    await bench.clock.runUntil(() => bench.asked.at(-1) === 'batch of 2')
    const commits = Array.from({ length: 20 }, (_, i) => database.commit([put(`k${i}`, BIG)]))
    await bench.clock.runUntil(() => text(database.get('k19')) !== undefined)
    await assert.rejects(bench.put(database, { more: 'x' }), { code: 'BUSY' })
    await bench.clock.drive(Promise.all(commits))
    await bench.clock.advance(100)
    await bench.put(database, { more: 'x' })
  })

  it('that fails otherwise ends the database for good, with the log as it was', async () => {
    const bench = new Bench('failed-index')
    const database = await bench.open()
    await bench.put(database, { a: '1' })
    bench.disk.faults.failIndex = 'STORAGE_FAILED'
    await bench.put(database, { b: BIG })
    assert.ok(isAtollError(await failure(bench, database), 'STORAGE_FAILED'))
    bench.disk.faults.failIndex = null
    const asked = bench.asked.length
    await bench.clock.advance(60_000)
    await assert.rejects(bench.put(database, { c: '1' }), { code: 'STORAGE_FAILED' })
    assert.equal(bench.asked.length, asked, 'nothing is tried again')
    await bench.clock.drive(database.close())
    assert.deepEqual(await bench.all(await bench.reopen()), { a: '1', b: BIG })
  })

  it('that waits for room is given up with the database', async () => {
    const bench = new Bench('given-up')
    const database = await bench.open()
    bench.disk.faults.failIndex = 'DISK_FULL'
    await bench.put(database, { b: BIG })
    await bench.clock.advance(20)
    bench.disk.faults.failSync = true
    await assert.rejects(bench.put(database, { c: '1' }), { code: 'STORAGE_FAILED' })
    const asked = bench.asked.length
    await bench.clock.advance(60_000)
    assert.equal(bench.asked.length, asked)
  })
})

describe('damage to the index', () => {
  it('of a value is noticed by get, by scan, and by the verification of each start', async () => {
    for (const offset of [0, 3, 4, 8]) {
      const entries = { a: '1'.repeat(5), b: '2'.repeat(5) }
      const damagedBench = async () => {
        const bench = await indexed(`value-${offset}`, entries)
        bench.disk.flipIndexBit('index', 'a', offset)
        return bench
      }
      const first = await damagedBench()
      const read = await first.open()
      assert.throws(() => read.get('a'), { code: 'DISK_DAMAGED', message: /"a" fails its check/ })
      assert.throws(() => read.get('b'), { code: 'DISK_DAMAGED' })
      const second = await damagedBench()
      const scanned = await second.open()
      await assert.rejects(second.all(scanned), { code: 'DISK_DAMAGED' })
      await assert.rejects(second.put(scanned, { c: '1' }), { code: 'DISK_DAMAGED' })
      const third = await damagedBench()
      const failed = await failure(third, await third.open())
      assert.ok(isAtollError(failed, 'DISK_DAMAGED'), String(failed))
      assert.match(failed.message, /"a" fails its check/)
    }
  })

  it('of an entry shorter than its check is noticed', async () => {
    const bench = await indexed('short', { a: '1' })
    bench.disk.setIndexEntry('index', 'a', new Uint8Array(3))
    const database = await bench.open()
    assert.throws(() => database.get('a'), { code: 'DISK_DAMAGED' })
  })

  it('of the marker is noticed at once', async () => {
    const bench = await indexed('marker', { a: '1' })
    for (let offset = 0; offset < 20; offset++) {
      bench.disk.flipIndexBit('index', '!applied', offset)
      await assert.rejects(bench.open(), { code: 'DISK_DAMAGED', message: /"!applied"/ })
      bench.disk.flipIndexBit('index', '!applied', offset)
      bench.disk.crash()
    }
    bench.disk.setIndexEntry('index', '!applied', null)
    await assert.rejects(bench.open(), { code: 'DISK_DAMAGED', message: /record 1 is missing/ })
  })

  const LOSSES: Record<string, (bench: Bench) => void> = {
    'an entry is gone': (bench) => bench.disk.setIndexEntry('index', 'b', null),
    'all entries are gone': (bench) => {
      for (const key of ['a', 'b', 'c', 'zzz']) bench.disk.setIndexEntry('index', key, null)
    },
    'an entry lies under another key': (bench) => {
      const entry = bench.disk.setIndexEntry('index', 'b', null)
      bench.disk.setIndexEntry('index', 'bb', entry)
    },
  }
  for (const [what, lose] of Object.entries(LOSSES)) {
    it(`is noticed soon after the start when ${what}`, async () => {
      const bench = await indexed(what, { a: '1', b: '2', c: '3' })
      lose(bench)
      const database = await bench.open()
      const failed = await failure(bench, database)
      assert.ok(isAtollError(failed, 'DISK_DAMAGED'), String(failed))
      assert.throws(() => database.get('a'), { code: 'DISK_DAMAGED' })
      assert.ok(bench.logged.includes('disk.failed'))
    })
  }

  it('is noticed when older values are back, also of entries that changed alike', async () => {
    // CRCs are linear: the same change at the same place changes both by the same bits.
    const bench = await indexed('stale', { a: '1', b: '1' })
    const old = ['a', 'b'].map((key) => bench.disk.setIndexEntry('index', key, null))
    for (const [i, key] of ['a', 'b'].entries()) {
      bench.disk.setIndexEntry('index', key, old[i] ?? null)
    }
    const database = await bench.open()
    await bench.put(database, { a: '2', b: '2', zz: BIG })
    await bench.clock.advance(100)
    await bench.close(database)
    for (const [i, key] of ['a', 'b'].entries()) {
      bench.disk.setIndexEntry('index', key, old[i] ?? null)
    }
    const next = await bench.open()
    assert.equal(text(next.get('a')), '1', 'its own check is good')
    assert.ok(isAtollError(await failure(bench, next), 'DISK_DAMAGED'))
  })

  it('is noticed when the index has an entry and does not find it', async () => {
    const bench = await indexed('filter', { a: '1', b: '2' })
    bench.hidden.add('b')
    const failed = await failure(bench, await bench.open())
    assert.match(failed?.message ?? '', /"b" is in the index and is not found/)
  })
})

describe('verification of the index', () => {
  const many = Object.fromEntries(
    Array.from({ length: 1500 }, (_, i) => [`k${10_000 + i}`, `${i}`]),
  )

  it('lets commits and checkpoints go on, and is not confused by them', async () => {
    const bench = await indexed('verify', many)
    const database = await bench.open()
    for (let i = 0; i < 30; i++) {
      await bench.put(database, { [`k${11_499 - i * 50}`]: i % 3 === 0 ? null : BIG })
    }
    assert.equal(await failure(bench, database), null)
    assert.equal(await failure(bench, await bench.reopen()), null)
  })

  it('ends early, without a word, when the database is closed', async () => {
    const bench = await indexed('close', many)
    const database = await bench.open()
    const before = bench.clock.monotonicMs()
    await bench.close(database)
    assert.ok(bench.clock.monotonicMs() - before < 4)
    assert.deepEqual(bench.logged, [])
  })

  it('looks at every entry also where its stride ends', async () => {
    for (const count of [254, 255, 256, 257]) {
      const bench = await indexed(
        `stride-${count}`,
        Object.fromEntries(Object.entries(many).slice(0, count)),
      )
      assert.equal(await failure(bench, await bench.open()), null)
      bench.disk.crash()
      bench.disk.setIndexEntry('index', `k${10_000 + count - 1}`, null)
      assert.ok(isAtollError(await failure(bench, await bench.open()), 'DISK_DAMAGED'))
    }
  })
})

describe('fingerprint', () => {
  const checks = fc.array(fc.nat({ max: 0xffff_ffff }), { maxLength: 30 })

  it('does not depend on the order, and forgets what was taken away', () => {
    fc.assert(
      fc.property(checks, checks, (kept, gone) => {
        const all = [...kept, ...gone].reduce(withEntry, NOTHING)
        const left = gone.toReversed().reduce(withoutEntry, all)
        assert.ok(isSame(left, kept.toReversed().reduce(withEntry, NOTHING)))
      }),
    )
  })

  it('differs when checks differ', () => {
    fc.assert(
      fc.property(checks, fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 31 }), (same, check, bit) => {
        const before = withEntry(same.reduce(withEntry, NOTHING), check)
        const other = (check ^ (1 << bit)) >>> 0
        assert.ok(!isSame(before, withEntry(same.reduce(withEntry, NOTHING), other)))
        assert.ok(!isSame(before, same.reduce(withEntry, NOTHING)))
      }),
    )
  })
})
