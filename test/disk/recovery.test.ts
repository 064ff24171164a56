/** What is found again after a crash, and what damage is told from a torn tail. */
import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import { AppendLog } from '../../src/disk/append-log.ts'
import { Bench, bytes, put, text } from './bench.ts'

/** A disk with `count` commits in one segment, and where each record ends. */
async function written(seed: string, count: number): Promise<{ bench: Bench; ends: number[] }> {
  const bench = new Bench(seed)
  const database = await bench.open()
  const ends: number[] = []
  for (let i = 0; i < count; i++) {
    await bench.put(database, { [`k${i}`]: `value ${i}`, last: `${i}` })
    ends.push(bench.sizeOf(bench.lastSegment()))
  }
  bench.disk.crash()
  return { bench, ends }
}

/** Entries of the first `count` commits. */
function expected(count: number): Record<string, string> {
  const entries = Array.from({ length: count }, (_, i) => [`k${i}`, `value ${i}`])
  const last = count === 0 ? [] : [['last', `${count - 1}`]]
  return Object.fromEntries([...entries, ...last])
}

/** Fills the table past its bound, and lets the checkpoint end. */
async function checkpointed(bench: Bench, keys: readonly string[]): Promise<void> {
  const database = await bench.open()
  for (const key of keys) await bench.put(database, { [key]: `${key} `.padEnd(700, '.') })
  await bench.put(database, { filler: 'x'.repeat(2_000) })
  await bench.clock.advance(1_000)
  await bench.put(database, { after: 'the checkpoint' })
  await bench.clock.advance(1_000)
  bench.disk.crash()
}

describe('recovery', () => {
  it('from a log cut at any byte drops the torn record, and nothing else', async () => {
    const { ends } = await written('cut', 5)
    for (let size = 0; size <= (ends.at(-1) ?? 0); size++) {
      const { bench } = await written('cut', 5)
      bench.disk.cut(bench.lastSegment(), size)
      const whole = ends.filter((end) => end <= size).length
      const database = await bench.open()
      assert.deepEqual(await bench.all(database), expected(whole), `cut at ${size}`)
      // What was torn is gone for good, and the log goes on behind what was whole.
      await bench.put(database, { [`k${whole}`]: `value ${whole}`, last: `${whole}` })
      const again = await bench.reopen()
      assert.deepEqual(await bench.all(again), expected(whole + 1), `cut at ${size}`)
    }
  })

  it('takes garbage at the end for a torn record', async () => {
    const { bench, ends } = await written('garbage', 3)
    const storage = await bench.storage()
    const fill = async () => {
      const file = await storage.openAppend(bench.lastSegment())
      for (const garbage of [new Uint8Array(100), bench.disk.fileBytes('format'), bytes('§$%&')]) {
        await file.append(garbage ?? new Uint8Array())
      }
    }
    await bench.clock.drive(fill())
    assert.deepEqual(await bench.all(await bench.reopen()), expected(3))
    assert.equal(bench.sizeOf(bench.lastSegment()), ends.at(-1))
  })

  it('refuses a log with a flipped bit anywhere before its last record, and says where', async () => {
    const { bench, ends } = await written('flip', 4)
    const name = bench.lastSegment()
    const before = bench.disk.fileBytes(name)?.slice()
    for (let offset = 0; offset < (ends.at(-2) ?? 0); offset++) {
      bench.disk.flipBit(name, offset, offset % 8)
      const record = 1 + ends.filter((end) => end <= offset).length
      await assert.rejects(bench.open(), (error) => {
        assert.ok(isAtollError(error, 'DISK_DAMAGED'), String(error))
        assert.match(error.message, new RegExp(`record ${record} of the log is bad, in "${name}"`))
        assert.match(error.hint ?? '', /empty data directory/)
        return true
      })
      bench.disk.crash()
      bench.disk.flipBit(name, offset, offset % 8)
      assert.deepEqual(bench.disk.fileBytes(name), before, 'a refused log is left as it is')
    }
    assert.deepEqual(await bench.all(await bench.open()), expected(4))
  })

  it('of an open log drops a flipped last record, never shows it changed', async () => {
    const { ends } = await written('flip-last', 3)
    for (let offset = ends.at(-2) ?? 0; offset < (ends.at(-1) ?? 0); offset++) {
      const { bench } = await written('flip-last', 3)
      bench.disk.flipBit(bench.lastSegment(), offset, offset % 8)
      assert.deepEqual(await bench.all(await bench.open()), expected(2), `byte ${offset}`)
    }
  })

  it('of a log that was closed drops nothing that was acknowledged', async () => {
    const { bench } = await written('sealed', 3)
    await bench.close(await bench.open())
    const name = bench.lastSegment()
    const sealStart = bench.sizeOf(name) - 16
    for (let offset = 0; offset < sealStart; offset++) {
      bench.disk.flipBit(name, offset, offset % 8)
      await assert.rejects(bench.open(), { code: 'DISK_DAMAGED' }, `byte ${offset}`)
      bench.disk.crash()
      bench.disk.flipBit(name, offset, offset % 8)
    }
    bench.disk.flipBit(name, sealStart + 3)
    assert.deepEqual(await bench.all(await bench.open()), expected(3))
  })

  it('makes durable what it found before it shows it', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const bench = new Bench(`unsynced-${seed}`)
      const database = await bench.open()
      await bench.put(database, { a: '1' })
      void database.commit([put('a', '2')])
      await bench.clock.runUntil(() => bench.asked.at(-1)?.startsWith('sync ') === true)
      // The process is killed between write and sync: the machine still has the bytes.
      assert.equal(text((await bench.reopen()).get('a')), '2')
      bench.disk.powerLoss()
      assert.equal(text((await bench.open()).get('a')), '2', `unsynced-${seed}`)
    }
  })

  it('leaves the index closed behind a log that it refuses', async () => {
    const { bench } = await written('refused', 3)
    bench.disk.flipBit(bench.lastSegment(), 3)
    const asked = bench.asked.length
    await assert.rejects(bench.open(), { code: 'DISK_DAMAGED' })
    assert.deepEqual(bench.asked.slice(asked), ['open index', 'close index'])
  })
})

describe('recovery with segments', () => {
  const KEYS = ['a', 'b', 'c']
  const ALL = ['a', 'after', 'b', 'c', 'filler']

  it('goes on from the marker, and removed what lies before it', async () => {
    const bench = new Bench('marker')
    await checkpointed(bench, KEYS)
    assert.equal(bench.segments().length, 1)
    assert.deepEqual(Object.keys(await bench.all(await bench.open())), ALL)
  })

  it('refuses a directory whose log is gone', async () => {
    const bench = new Bench('gone')
    await checkpointed(bench, KEYS)
    bench.disk.removeFile(bench.lastSegment())
    await assert.rejects(bench.open(), { code: 'DISK_DAMAGED', message: /^the log behind record/ })
  })

  it('refuses a segment that is missing, empty, cut or damaged before the last one', async () => {
    const harm: Record<string, (bench: Bench, name: string) => void> = {
      missing: (bench, name) => bench.disk.removeFile(name),
      empty: (bench, name) => bench.disk.cut(name, 0),
      cut: (bench, name) => bench.disk.cut(name, bench.sizeOf(name) - 1),
      damaged: (bench, name) => bench.disk.flipBit(name, bench.sizeOf(name) - 1),
    }
    for (const [what, harmed] of Object.entries(harm)) {
      for (const which of [0, 1]) {
        const bench = new Bench('segments')
        const database = await bench.open()
        // No checkpoint ends, but each begins with a segment.
        bench.disk.faults.failIndex = 'DISK_FULL'
        await bench.put(database, { first: 'x'.repeat(2_500) })
        await bench.put(await bench.reopen(), { second: 'x'.repeat(2_500) })
        await bench.put(await bench.reopen(), { third: 'x' })
        bench.disk.crash()
        bench.disk.faults.failIndex = null
        const segments = bench.segments()
        if (segments.length < 3) assert.fail(`only ${segments.join()}`)
        harmed(bench, segments[which] ?? '')
        const refused = { code: 'DISK_DAMAGED', message: /record \d+|the log behind/ }
        await assert.rejects(bench.open(), refused, `${what} ${which}`)
      }
    }
  })

  it('removes no segment that holds a record which the index has not', async () => {
    for (let applied = 0; applied <= 5; applied++) {
      const bench = new Bench('remove')
      const storage = await bench.storage()
      const log = await bench.clock.drive(AppendLog.open(storage, bench.clock, 0, () => undefined))
      const write = async () => {
        for (const records of [2, 1, 2]) {
          for (let i = 0; i < records; i++) await log.append([put('k', 'v')])
          await log.rotate()
        }
        await log.removeThrough(applied)
      }
      await bench.clock.drive(write())
      const firsts = bench.segments().map((name) => Number(name.slice(4)))
      const expectedFirsts = [1, 3, 4, 6].filter((_, i, all) => (all[i + 1] ?? 99) > applied + 1)
      assert.deepEqual(firsts, expectedFirsts, `applied ${applied}`)
    }
  })

  it('refuses a log from whose middle a record is gone', async () => {
    const { bench, ends } = await written('hole', 5)
    const name = bench.lastSegment()
    const image = bench.disk.fileBytes(name) ?? new Uint8Array()
    const storage = await bench.storage()
    const hole = Buffer.concat([image.subarray(0, ends[1]), image.subarray(ends[2])])
    await bench.clock.drive(storage.replace(name, hole))
    bench.disk.crash()
    await assert.rejects(bench.open(), { code: 'DISK_DAMAGED', message: /record 3 .* missing/ })
  })

  it('refuses a segment that comes twice', async () => {
    const { bench } = await written('twice', 5)
    const storage = await bench.storage()
    const image = bench.disk.fileBytes(bench.lastSegment()) ?? new Uint8Array()
    await bench.clock.drive(storage.replace('log-000000000000003', image))
    bench.disk.crash()
    await assert.rejects(bench.open(), { code: 'DISK_DAMAGED' })
  })

  it('refuses a segment whose name is none', async () => {
    const { bench } = await written('name', 2)
    const storage = await bench.storage()
    await bench.clock.drive(storage.replace('log-x', bytes('x')))
    bench.disk.crash()
    await assert.rejects(bench.open(), { code: 'DISK_DAMAGED' })
  })
})

describe('format of the directory', () => {
  async function withFormat(format: string | null): Promise<Bench> {
    const { bench } = await written('format', 2)
    if (format === null) bench.disk.removeFile('format')
    else {
      const storage = await bench.storage()
      await bench.clock.drive(storage.replace('format', bytes(format)))
      bench.disk.crash()
    }
    return bench
  }

  it('refuses a number that it does not know, and touches nothing', async () => {
    for (const number of ['0', '2', '7', '999999999']) {
      const bench = await withFormat(`${number}\n`)
      const asked = bench.asked.length
      await assert.rejects(bench.open(), {
        code: 'FORMAT_UNKNOWN',
        message: `the data directory has format ${number}; this version knows format 1`,
      })
      assert.equal(bench.asked.length, asked)
    }
  })

  it('refuses what is no number, and a log without one', async () => {
    for (const odd of ['', 'x', '1x', '-1', '1.0', '\u00ff', '1 1', null]) {
      const bench = await withFormat(odd)
      await assert.rejects(bench.open(), { code: 'DISK_DAMAGED' }, String(odd))
    }
    assert.deepEqual(
      await withFormat('1').then(async (bench) => bench.all(await bench.open())),
      expected(2),
    )
  })

  it('begins anew after a crash in the first start', async () => {
    for (let stopAt = 1; stopAt < 12; stopAt++) {
      const bench = new Bench(`first-${stopAt}`)
      const start = bench.clock.ran
      const opening = bench.open()
      opening.catch(() => undefined)
      await bench.clock.runUntil(() => bench.clock.ran - start >= stopAt)
      bench.disk.powerLoss()
      const database = await bench.open()
      await bench.put(database, { a: '1' })
      assert.deepEqual(await bench.all(database), { a: '1' })
    }
  })

  it('belongs to one at a time', async () => {
    const bench = new Bench('lock')
    const database = await bench.open()
    await assert.rejects(bench.open(), { code: 'DIR_LOCKED' })
    await bench.put(database, { a: '1' })
  })
})
