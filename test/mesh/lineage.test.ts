/** Disks that were copied or restored: who has met the original believes no copy of it. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { utf8 } from '../../src/base/bytes.ts'
import { KnownStarts } from '../../src/mesh/known-starts.ts'
import { copyRefusal, isCopyRefusal, PAST_MAX } from '../../src/mesh/lineage.ts'
import { STARTS_MAX } from '../../src/mesh/limits.ts'
import { ECHO, TIMEOUT } from './echo.ts'
import { MemoryDatabase } from './memory-database.ts'
import { type Machine, World } from './world.ts'

const PEER = 'peer'
const STORAGE = 'disk'
const startOf = (runs: readonly number[], boot: number) => ({
  storageId: STORAGE,
  boot,
  run: runs[boot - 1] ?? -1,
})
/** Newest first, as a directory tells them. */
const pastOf = (runs: readonly number[], boot: number) =>
  runs.slice(Math.max(0, boot - 1 - PAST_MAX), boot - 1).toReversed()

describe('lineage of a disk', () => {
  it('is believed of all later starts of one directory, and of none before', () => {
    const boots = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }))
    fc.assert(
      fc.property(boots, ([known, now]) => {
        const runs = Array.from({ length: 40 }, (_, i) => i * 7)
        const error = copyRefusal(PEER, startOf(runs, known), startOf(runs, now), pastOf(runs, now))
        assert.equal(error === null, now >= known)
      }),
    )
  })

  it('is not believed of a directory that went another way, while it remembers the fork', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.nat(20), fc.nat(20))
    fc.assert(
      fc.property(sizes, ([common, known, now]) => {
        const shared = Array.from({ length: common }, (_, i) => i)
        const original = [...shared, ...Array.from({ length: 21 }, (_, i) => 1000 + i)]
        const copy = [...shared, ...Array.from({ length: 21 }, (_, i) => 2000 + i)]
        const [met, comes] = [common + 1 + known, common + 1 + now]
        const past = pastOf(copy, comes)
        const error = copyRefusal(PEER, startOf(original, met), startOf(copy, comes), past)
        assert.equal(error === null, comes - met > PAST_MAX)
        if (error !== null) assert.ok(isCopyRefusal(error, PEER) && !isCopyRefusal(error, 'other'))
      }),
    )
  })

  it('says nothing of a disk that was wiped, nor of whom nobody met', () => {
    const start = startOf([1], 1)
    assert.equal(copyRefusal(PEER, { ...start, storageId: 'old', boot: 9 }, start, []), null)
    assert.equal(copyRefusal(PEER, null, start, []), null)
  })

  it('is known beyond a restart of who met the original', async () => {
    const world = new World('restored')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const database = new MemoryDatabase()
      const starts = new KnownStarts(database)
      const echo = {
        before: (mesh: Parameters<NonNullable<Parameters<World['start']>[1]>['before'] & {}>[0]) =>
          mesh.handle(ECHO, (_from, body) => body),
      }
      n.boot = 4
      const original = await world.start(n, echo)
      const first = await world.start(m, { ...echo, starts })
      world.introduce(first, original)
      await first.mesh.request(n.peer, ECHO, utf8('x'), TIMEOUT)
      world.kill(original)
      world.kill(first)
      database.crash()
      // A copy from before start 5: once as its start 5, once more as its start 6.
      n.boot = 4
      const again = await world.start(m, { ...echo, starts: new KnownStarts(database) })
      for (const past of [
        [4, 3, 2, 1],
        [77, 4, 3, 2, 1],
      ]) {
        const copy = await world.start(n, { ...echo, self: { run: 76 + past.length - 4, past } })
        world.introduce(again, copy)
        await assert.rejects(copy.mesh.request(m.peer, ECHO, utf8('x'), TIMEOUT))
        assert.deepEqual(new Set(copy.refused), new Set([`${m.peer} CONFLICT`]))
        world.kill(copy)
      }
      // The original's own next start.
      n.boot = 5
      const next = await world.start(n, echo)
      world.introduce(again, next)
      await world.kernel.sleep(20_000)
      await again.mesh.request(n.peer, ECHO, utf8('x'), TIMEOUT)
      world.kill(next)
      world.kill(again)
    })
  })

  it('is remembered of all members, and of so many that are none any more', async () => {
    const database = new MemoryDatabase()
    const starts = new KnownStarts(database)
    const peers = Array.from({ length: STARTS_MAX + 1000 }, (_, i) => `peer ${i}`)
    for (const [i, peer] of peers.entries()) {
      starts.keep(peer, { storageId: i % 2 === 0 ? 'here' : 'gone', boot: 1, run: i })
    }
    const known = () => peers.filter((peer) => starts.of(peer) !== null).length
    await starts.trim((id) => id === 'here')
    assert.equal(known(), peers.length, 'few are gone')
    await starts.trim(() => false)
    assert.equal(known(), STARTS_MAX)
    for (const peer of peers) starts.keep(peer, { storageId: 'here', boot: 2, run: 0 })
    await database.commit([{ key: 'mesh/start/damaged', value: Uint8Array.of(9) }])
    await starts.trim((id) => id === 'here')
    assert.equal(known(), peers.length)
  })

  it('takes a row that is damaged for none', async () => {
    const database = new MemoryDatabase()
    const starts = new KnownStarts(database)
    starts.keep(PEER, startOf([3], 1))
    assert.deepEqual(starts.of(PEER), startOf([3], 1))
    assert.equal(starts.of('other'), null)
    await database.commit([{ key: `mesh/start/${PEER}`, value: Uint8Array.of(9) }])
    assert.equal(starts.of(PEER), null)
  })
})
