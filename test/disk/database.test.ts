/** The database's promises, on a simulated disk that loses power at every moment there is. */
import assert from 'node:assert/strict'
import type { IndexRange } from '../../src/seams/storage.ts'
import { Bench, bytes, put } from './bench.ts'

describe('database', () => {
  it('keeps every acknowledged commit whole, whenever the power goes', async () => {
    for (let stopAt = 1; stopAt <= 160; stopAt++) {
      const bench = new Bench(`power-${stopAt}`)
      const database = await bench.open()
      const acked: number[] = []
      const start = bench.clock.ran
      const work = async () => {
        for (let i = 0; i < 40; i++) {
          await database.commit([
            { key: `pair/${i}/a`, value: bytes(`${i}`.padEnd(60, '.')) },
            { key: `pair/${i}/b`, value: bytes(`${i}`.padEnd(60, '.')) },
          ])
          acked.push(i)
        }
      }
      void work()
      await bench.clock.runUntil(() => bench.clock.ran - start >= stopAt)
      bench.disk.powerLoss()
      const found = await bench.all(await bench.open())
      for (const i of acked) assert.ok(`pair/${i}/a` in found, `seed power-${stopAt}: lost ${i}`)
      for (let i = 0; i < 40; i++) {
        const whole = `pair/${i}/a` in found === `pair/${i}/b` in found
        assert.ok(whole, `seed power-${stopAt}: half of commit ${i}`)
      }
    }
  })

  it('writes checkpoints while commits go on, and loses nothing between them', async () => {
    const bench = new Bench('busy')
    const database = await bench.open()
    const width = 16
    const lane = async (n: number) => {
      for (let i = 0; i < 60; i++) {
        await database.commit([{ key: `k/${n}/${i}`, value: bytes('z'.repeat(90)) }])
      }
    }
    await bench.clock.drive(Promise.all(Array.from({ length: width }, (_, n) => lane(n))))
    bench.disk.powerLoss()
    const found = await bench.all(await bench.open())
    assert.equal(Object.keys(found).length, width * 60)
  })

  it('scans in order what came between scans, and counts nothing that is deleted', async () => {
    const bench = new Bench('between')
    const database = await bench.open()
    const first = async (limit: number): Promise<string> => {
      const found: string[] = []
      const scan = async () => {
        for await (const [key] of database.scan({ from: '', limit })) found.push(key)
      }
      await bench.clock.drive(scan())
      return found.join('')
    }
    await bench.put(database, { d: '1', b: '1', a: '1' })
    assert.equal(await first(9), 'abd')
    await bench.put(database, { e: '1', c: '1', a: null, b: null })
    assert.equal(await first(2), 'cd')
    await bench.put(database, { a: '2', f: '1' })
    assert.equal(await first(9), 'acdef')
  })

  it('scans as one what lies in the index, in a checkpoint under way and in the table', async () => {
    const bench = new Bench('scan')
    const database = await bench.open()
    const keys = ['b', 'a', '\u00e9', '\u{1f300}', '\uffee', 'c', 'd', 'e']
    await bench.put(database, Object.fromEntries(keys.map((key) => [key, 'x'.repeat(300)])))
    await bench.clock.advance(100)
    await bench.put(database, { b: 'y'.repeat(2_500), c: null, aa: '1' })
    await bench.clock.runUntil(() => bench.asked.at(-1) === 'batch of 4')
    const lengths = () => ['a', 'b', 'c', 'd', 'f'].map((key) => database.get(key)?.length)
    assert.deepEqual(lengths(), [300, 2_500, undefined, 300, undefined])
    const scanned = async (range: IndexRange): Promise<string[]> => {
      const found: string[] = []
      const scan = async () => {
        for await (const [key, value] of database.scan(range)) found.push(`${key}${value.length}`)
      }
      await bench.clock.drive(scan())
      return found
    }
    const before = ['a300', 'aa1', 'b2500', 'd300', 'e300']
    assert.deepEqual(await scanned({ from: '', to: 'f' }), before)
    const done = database.commit([put('d', null), put('e', '2'), put('f', '3')])
    await bench.clock.runUntil(() => database.get('d') === undefined)
    assert.deepEqual(lengths(), [300, 2_500, undefined, undefined, 1])
    await done
    const all = ['a300', 'aa1', 'b2500', 'e1', 'f1', '\u00e9300', '\uffee300', '\u{1f300}300']
    assert.deepEqual(await scanned({ from: '' }), all)
    assert.deepEqual(await scanned({ from: 'aa', to: 'f' }), all.slice(1, 4))
    assert.deepEqual(await scanned({ from: 'd' }), all.slice(3))
    for (let limit = 0; limit < 10; limit++) {
      assert.deepEqual(await scanned({ from: '', limit }), all.slice(0, limit))
      assert.deepEqual(await scanned({ from: 'b', limit }), all.slice(2, 2 + limit))
    }
  })
})
