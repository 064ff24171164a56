import assert from 'node:assert/strict'
import type { RegPage } from '../../src/paxos/api.ts'
import { RegisterWorld } from './world.ts'

async function all(world: RegisterWorld, node: string, prefix: string, limit: number) {
  const pages: RegPage[] = []
  for (let after: string | null = ''; after !== null; ) {
    const page: RegPage = await world.drive(world.reg(node).ls(prefix, { after, limit }))
    pages.push(page)
    after = page.next
  }
  return pages
}

describe('listing registers', () => {
  it('shows keys in order, a page at a time, through any node', async () => {
    const world = await RegisterWorld.start(['abc', 'abd', 'bcd', 'acd'], { edges: 'e' })
    const keys = Array.from({ length: 23 }, (_, i) => `k/${String(i).padStart(2, '0')}`)
    for (const key of [...keys, 'other']) await world.drive(world.reg('a').set(key, `v ${key}`))
    await world.drive(world.reg('b').del('k/07'))
    for (const node of 'abcde') {
      const pages = await all(world, node, 'k/', 5)
      const entries = pages.flatMap((page) => page.entries)
      assert.deepEqual(
        entries.map(({ key }) => key),
        keys.filter((key) => key !== 'k/07'),
      )
      assert.ok(entries.every(({ key, value }) => value === `v ${key}`))
      assert.ok(pages.every((page) => page.entries.length <= 5))
    }
    assert.equal((await world.drive(world.reg('a').ls(''))).entries.length, 23)
  })

  it('reads what replicas differ on, and what moves', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.reg('a').set('k', 'v1'))
    world.lose('c')
    await world.drive(world.reg('a').set('k', 'v2'))
    world.find('c')
    world.lose('b')
    const page = await world.drive(world.reg('c').ls(''))
    assert.deepEqual(
      page.entries.map(({ value }) => value),
      ['v2'],
    )
    world.find('b')
    world.move(['bcd'])
    await world.tell()
    assert.deepEqual(
      (await world.drive(world.reg('d').ls(''))).entries.map(({ value }) => value),
      ['v2'],
    )
  })

  it('says so when a majority cannot be had', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('k', 'v1'))
    world.lose('b')
    world.lose('c')
    await assert.rejects(world.drive(world.reg('a').ls('')), { code: 'NO_QUORUM' })
  })

  it('never shows what was current under an older configuration', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    for (const key of ['k', 'gone']) await world.drive(world.reg('a').set(key, 'old'))
    world.move(['def'])
    // Nobody reaches a, which knows nothing of it and finds all three old votes agreeing.
    world.fate = (q) => (q.to === 'a' ? 'unreachable' : undefined)
    await world.tell('bcdef')
    await world.drive(world.reg('d').set('k', 'new'))
    await world.drive(world.reg('d').set('more', 'new'))
    await world.drive(world.reg('d').del('gone'))
    const { entries } = await world.drive(world.reg('a').ls(''))
    assert.deepEqual(
      entries.map(({ key, value }) => [key, value]),
      [
        ['k', 'new'],
        ['more', 'new'],
      ],
    )
  })
})
