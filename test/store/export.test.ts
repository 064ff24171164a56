/** What a recovery takes from surviving disks: of each key all that any of them has, of every type. */
import assert from 'node:assert/strict'
import type { Database } from '../../src/disk/database.ts'
import { deadOf, expiryOf } from '../../src/store/collect/index-rows.ts'
import { keyExporter } from '../../src/store/export.ts'
import { databaseKey } from '../../src/store/place.ts'
import { decodeRecord, type StoreRecord } from '../../src/store/record.ts'
import { shownOf } from '../../src/store/shown.ts'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { MemoryDatabase } from '../mesh/memory-database.ts'
import { lettersOf } from '../topology/layer-world.ts'
import { errorOf } from './error-of.ts'
import { StoreWorld } from './world.ts'

const APART = { write: 'one', context: contextText(EMPTY_CONTEXT, '') } as const
const ONE = { write: 'one' } as const

/** Three that wrote with nobody hearing of it, but for what was there before. */
async function apart(): Promise<StoreWorld> {
  const world = await StoreWorld.start(['abc'])
  const all = { write: 'all' } as const
  await world.drive(world.kv('a').counter.add('counter', 7, all))
  await world.drive(world.kv('a').counter.add('gone', 5, all))
  await world.drive(world.kv('b').set.add('set', ['old', 'stays'], all))
  await world.drive(world.kv('c').put('ends', 'v', { ttlMs: 60_000, ...all }))
  world.fate = () => 'lost'
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const kv = world.kv(name)
    await world.drive(kv.counter.add('counter', 10 ** (i + 1), ONE))
    await world.drive(kv.set.add('set', [name], ONE))
    await world.drive(kv.put('siblings', name, APART))
  }
  await world.drive(world.kv('b').del('gone', ONE))
  await world.drive(world.kv('c').set.rm('set', ['old'], ONE))
  return world
}

function databaseOf(world: StoreWorld, name: string): Database {
  const { database } = world.node(name)
  assert.ok(database !== null)
  return database
}

async function recovered(world: StoreWorld, names: string): Promise<Map<string, StoreRecord>> {
  const sources = lettersOf(names).map((name) => {
    return { directory: `/disk/${name}`, database: databaseOf(world, name) }
  })
  const into = new MemoryDatabase()
  await world.drive(keyExporter.run(sources, null, { database: into }))
  const records = new Map<string, StoreRecord>()
  for (const key of ['counter', 'gone', 'set', 'ends', 'siblings']) {
    const bytes = into.get(databaseKey(0, key))
    if (bytes !== undefined) records.set(key, decodeRecord(bytes))
  }
  return records
}

describe('keys of surviving disks', () => {
  it('are joined, whichever disk comes first', async () => {
    const world = await apart()
    const nowMs = world.clock.wallMs()
    const first = await recovered(world, 'abc')
    const shown = (key: string) => {
      const record = first.get(key)
      return record === undefined ? null : shownOf(record, nowMs).map(({ value }) => value)
    }
    assert.deepEqual(shown('counter'), [1117])
    assert.deepEqual(shown('gone'), [])
    assert.deepEqual(shown('set'), [['a', 'b', 'c', 'stays']])
    assert.deepEqual(shown('ends'), ['v'])
    assert.deepEqual(new Set(shown('siblings')), new Set(['a', 'b', 'c']))
    for (const order of ['cba', 'bacab']) assert.deepEqual(await recovered(world, order), first)
  })

  it('are those of the disks that are left', async () => {
    const world = await apart()
    const records = await recovered(world, 'ac')
    const counter = records.get('counter')
    assert.ok(counter !== undefined)
    assert.equal(shownOf(counter, 0)[0]?.value, 1017)
    const gone = records.get('gone')
    assert.ok(gone !== undefined)
    assert.equal(shownOf(gone, 0)[0]?.value, 5, 'who heard of the deletion is lost')
  })

  it('are listed where they are dead or expire, so that they go in the end', async () => {
    const world = await apart()
    const sources = ['a', 'b', 'c'].map((name) => {
      return { directory: name, database: databaseOf(world, name) }
    })
    const into = new MemoryDatabase()
    await world.drive(keyExporter.run(sources, null, { database: into }))
    const rows: string[] = []
    for await (const [row] of into.scan({ from: 'gc/', to: 'gc0' })) rows.push(row)
    const [dead = '', expiry = ''] = rows
    assert.equal(rows.length, 2)
    assert.deepEqual(deadOf(dead), { partition: 0, key: 'gone' })
    assert.equal(expiryOf(expiry).key, 'ends')
  })

  it('are refused when one cannot be read, with the disk that has it', async () => {
    const world = await apart()
    const key = databaseKey(0, 'counter')
    await world.drive(databaseOf(world, 'b').commit([{ key, value: new Uint8Array([9]) }]))
    const error = await errorOf(recovered(world, 'abc'))
    assert.equal(error.code, 'DISK_DAMAGED')
    assert.match(error.message, /\/disk\/b/)
  })
})
