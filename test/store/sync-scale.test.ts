/** What anti-entropy costs with many keys: nothing while they are equal, little where few are not. */
import assert from 'node:assert/strict'
import { encodeRecord } from '../../src/store/record.ts'
import { bytesOf, keysOf, movedOf, partitioned, plant } from './planted.ts'
import { isSync, isWrite, StoreWorld } from './world.ts'

describe('anti-entropy of 100 000 keys', function () {
  this.timeout(60_000)
  let world: StoreWorld

  before(async () => {
    world = await StoreWorld.start(partitioned('ab', 256))
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    await plant(world, 'ab', keysOf(100_000))
    world.fate = () => undefined
    await world.wait(30_000)
  })

  it('costs less than 1 kB/s a peer while all is in sync', async () => {
    const before = bytesOf(world)
    await world.wait(100_000)
    const perSecond = (bytesOf(world) - before) / 100
    assert.ok(perSecond > 1 && perSecond < 100, `${perSecond} bytes a second`)
  })

  it('costs kilobytes when 10 of them differ', async () => {
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    const keys = keysOf(10, 40_000)
    for (const key of keys) await world.drive(world.kv('a').put(key, 'v'))
    const before = bytesOf(world)
    const moved = movedOf(world)
    world.fate = () => undefined
    await world.until('b has them', () => keys.every((key) => world.held('b', key)[0] === 'v'))
    await world.wait(1000)
    const bytes = bytesOf(world) - before
    assert.ok(bytes < 12_000, `${bytes} bytes`)
    assert.equal(movedOf(world) - moved, 10)
  })

  it('sends less than three times what differs when 10 000 do', async () => {
    const keys = keysOf(10_000, 50_000)
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    await plant(world, 'a', keys, { n: 2, valueBytes: 100 })
    await world.wait(5000)
    const before = bytesOf(world)
    const moved = movedOf(world)
    world.fate = () => undefined
    await world.until('all is done', () => movedOf(world) - moved >= keys.length)
    await world.wait(2000)
    for (const key of keys) assert.equal(world.held('b', key)[0]?.length, 100)
    assert.equal(movedOf(world) - moved, keys.length, 'each travels once')
    const data = keys.reduce((sum, key) => {
      return sum + key.length + encodeRecord(world.record('b', key)).length
    }, 0)
    const ratio = (bytesOf(world) - before) / data
    assert.ok(ratio < 1.8, `${ratio}`)
  })
})
