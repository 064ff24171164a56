/** No number is given out twice, and none before its reservation is durable. */
import assert from 'node:assert/strict'
import type { Database } from '../../src/disk/database.ts'
import { openDatabase } from '../../src/disk/log-database.ts'
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import { DotSource } from '../../src/store/dot-source.ts'
import { HybridClock } from '../../src/store/hybrid-clock.ts'
import { WireReader, WireWriter } from '../../src/wire/codec.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { SimDisk } from '../sim/sim-storage.ts'
import { FakeDatabase } from '../topology/fakes.ts'
import { ManualClock } from '../topology/manual-clock.ts'

const KEY = 'store/dots'
const BLOCK = 16_384

function reservedIn(database: FakeDatabase): number {
  const stored = database.durable.get(KEY)
  return stored === undefined ? 1 : new WireReader(stored).uint()
}

async function drive<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let settled = false
  const end = (): void => {
    settled = true
  }
  promise.then(end, end)
  for (let i = 0; i < 1000 && !settled; i++) await clock.advance(1)
  return promise
}

describe('dots', () => {
  it('are given out only below what is durably reserved', async () => {
    const clock = new ManualClock()
    const database = new FakeDatabase(clock)
    const source = new DotSource(database)
    assert.equal(source.take(), null, 'nothing is reserved yet')
    assert.equal(source.take(), null)
    await drive(clock, source.reserve())
    let last = 0
    for (let i = 0; i < 3 * BLOCK; i++) {
      const n = source.take()
      if (n === null) {
        await drive(clock, source.reserve())
        continue
      }
      assert.equal(n, last + 1, 'none is left out without a crash')
      assert.ok(n < reservedIn(database), 'durable before it is named')
      last = n
    }
    assert.ok(last > 2 * BLOCK)
  })

  it('are reserved ahead of need, once for all who wait', async () => {
    const clock = new ManualClock()
    const database = new FakeDatabase(clock)
    const source = new DotSource(database)
    await drive(clock, Promise.all([source.reserve(), source.reserve(), source.reserve()]))
    assert.equal(database.batches.length, 1)
    for (let n = 1; n < BLOCK; n++) {
      assert.equal(source.take(), n)
      if (n === BLOCK / 2 + 2) await clock.advance(5)
    }
    assert.equal(database.batches.length, 2, 'the second block came while the first lasted')
    assert.equal(source.take(), BLOCK)
  })

  it('that could not be reserved are asked for again', async () => {
    const clock = new ManualClock()
    const database = new FakeDatabase(clock)
    const source = new DotSource(database)
    database.failure = new AtollError('DISK_FULL', 'no space')
    await assert.rejects(drive(clock, source.reserve()), /no space/)
    assert.equal(source.take(), null)
    await clock.advance(5)
    database.failure = null
    await drive(clock, source.reserve())
    assert.equal(source.take(), 1)
  })

  it('run out rather than come round', async () => {
    const clock = new ManualClock()
    const database = new FakeDatabase(clock)
    const near = Number.MAX_SAFE_INTEGER - 10
    database.durable.set(KEY, new WireWriter().uint(near).finish())
    const source = new DotSource(database)
    assert.equal(source.take(), null)
    await assert.rejects(source.reserve(), (error) => isAtollError(error, 'INTERNAL'))
  })

  it('are never given out twice over crashes, at whatever moment', async () => {
    const random = new SimRandom('dots over crashes')
    const disk = new SimDisk(random.fork('disk'))
    const given = new Set<number>()
    let highest = 0
    for (let boot = 0; boot < 25; boot++) {
      const clock = new ManualClock()
      const after = (delayMs: number, run: () => void): void => void clock.after(delayMs, run)
      const storage = await disk.open('data', after)
      const log = { allows: () => true, write: () => undefined }
      const database: Database = await drive(clock, openDatabase({ storage, clock, log }))
      const source = new DotSource(database)
      const before = highest
      const takes = random.int(40_000)
      for (let i = 0; i < takes; i++) {
        const n = source.take()
        if (n === null) {
          // Now and then the power fails in the middle of a reservation.
          const reserved = source.reserve().catch(() => undefined)
          if (random.int(4) === 0) {
            await clock.advance(random.float())
            break
          }
          await drive(clock, reserved)
          continue
        }
        assert.ok(!given.has(n), `boot ${boot}: ${n} again`)
        given.add(n)
        if (highest === before) assert.ok(n - before <= 2 * BLOCK + 1, 'two blocks at most')
        highest = n
      }
      disk.powerLoss()
    }
    assert.ok(given.size > 100_000)
  })
})

describe('hybrid clock', () => {
  const clockAt = () => {
    const clock = new ManualClock()
    let skewMs = 0
    const skewed = {
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => clock.wallMs() + skewMs,
      after: (delayMs: number, run: () => void) => clock.after(delayMs, run),
      soon: (run: () => void) => clock.soon(run),
    }
    const hybrid = new HybridClock(skewed)
    return { hybrid, set: (ms: number) => void (skewMs = ms), wallMs: () => skewed.wallMs() }
  }
  const DAY_MS = 24 * 60 * 60 * 1000

  it('never goes back, though the wall clock does', () => {
    const { hybrid, set } = clockAt()
    const first = hybrid.next(0)
    set(-DAY_MS)
    assert.equal(hybrid.next(0), first + 1)
    assert.equal(hybrid.next(0), first + 2)
    set(1)
    assert.ok(hybrid.next(0) >= first + 1024 - 2, 'a millisecond is 1024 steps')
  })

  it('is back with the others when it was days ahead for a moment', () => {
    const { hybrid, set, wallMs } = clockAt()
    hybrid.next(0)
    set(3 * DAY_MS)
    const wild = hybrid.next(0)
    hybrid.onRefused()
    assert.equal(hybrid.next(0), wild + 1, 'by its own clock it is right')
    set(0)
    assert.ok(hybrid.isTooFarAhead(wild))
    hybrid.onRefused()
    const after = hybrid.next(0)
    assert.equal(after, wallMs() * 1024)
    assert.equal(hybrid.next(0), after + 1)
  })

  it('that was never set refuses nothing but what would use up the numbers', () => {
    const { hybrid, set, wallMs } = clockAt()
    const stamp = wallMs() * 1024
    set(-wallMs() + 60_000)
    assert.equal(wallMs(), 60_000)
    assert.equal(hybrid.isTooFarAhead(stamp), false)
    assert.equal(hybrid.next(stamp), stamp + 1)
    assert.equal(hybrid.isTooFarAhead(Number.MAX_SAFE_INTEGER), true)
  })

  it('is later than what it is to replace', () => {
    const { hybrid, wallMs } = clockAt()
    const ahead = (wallMs() + 1000) * 1024
    assert.equal(hybrid.next(ahead), ahead + 1)
    assert.equal(hybrid.next(0), ahead + 2)
  })

  it('does not follow a stamp of more than a day ahead', () => {
    const { hybrid, wallMs } = clockAt()
    const edge = (wallMs() + DAY_MS) * 1024
    assert.equal(hybrid.isTooFarAhead(edge), false)
    assert.equal(hybrid.isTooFarAhead(edge + 1), true)
    assert.equal(hybrid.next(edge + 1), wallMs() * 1024)
    assert.equal(hybrid.next(edge), edge + 1)
  })
})
