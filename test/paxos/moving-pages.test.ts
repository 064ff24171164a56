/** A partition that moves with more than one message can list: a page at a time, and no key less. */
import assert from 'node:assert/strict'
import { PAGE_BYTES } from '../../src/paxos/limits.ts'
import { isAccept, isList, isPrepare, lettersOf, type Question, RegisterWorld } from './world.ts'

/** Three of them fill a page. */
const VALUE = 'x'.repeat(PAGE_BYTES / 3)
const KEYS = Array.from({ length: 9 }, (_, i) => `key${i}`)

const isOf = ({ body }: Question, key: string): boolean => Buffer.from(body).includes(key)

async function filled(): Promise<RegisterWorld> {
  const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
  // The first of the old replicas lacks the first keys, so that its pages end elsewhere.
  world.fate = (q) => (q.to === 'a' ? 'lost' : undefined)
  for (const key of KEYS.slice(0, 4)) await world.drive(world.reg('b').set(key, VALUE))
  world.fate = () => undefined
  for (const key of KEYS.slice(4)) await world.drive(world.reg('a').set(key, VALUE))
  await world.wait(20)
  assert.equal(world.record('a', 'key0'), null)
  world.asked.length = 0
  world.move(['def'])
  return world
}

function assertMoved(world: RegisterWorld): void {
  for (const key of KEYS) {
    const votes = lettersOf('def').filter((name) => world.text(name, key) === VALUE)
    assert.ok(votes.length >= 2, key)
  }
}

describe('a partition that moves with many registers', () => {
  it('is brought over a page at a time, whatever each old replica has', async () => {
    const world = await filled()
    await world.tell()
    await world.installed('def')
    assertMoved(world)
    // What is listed is brought over before more is listed.
    const lists = world.asked.flatMap((q, i) => (isList(q) && q.to === 'b' ? [i] : []))
    assert.ok(lists.length >= 3, `${lists.length} pages`)
    for (const [page, index] of lists.entries()) {
      const before = world.asked.slice(0, index).filter(isPrepare)
      const begun = KEYS.filter((key) => before.some((q) => isOf(q, key)))
      assert.ok(begun.length >= 2 * page, `${begun.join()} before page ${page}`)
    }
  })

  it('goes on after a failure where it was, and says nothing before it is through', async () => {
    const world = await filled()
    const stuck = KEYS.at(-1) ?? ''
    world.fate = (q) => (isAccept(q) && 'ef'.includes(q.to) && isOf(q, stuck) ? 'lost' : undefined)
    await world.tell()
    // Up to the end of its first attempt it has brought over all the others.
    await world.wait(9000)
    world.asked.length = 0
    await world.wait(3000)
    assert.ok(lettersOf('def').every((name) => world.node(name).installed.length === 0))
    world.fate = () => undefined
    await world.installed('def')
    assertMoved(world)
    const lists = world.asked.filter(isList)
    assert.ok(lists.length > 0 && lists.every((q) => isOf(q, 'key')), 'after a key')
  })

  it('does not wait for an old replica that stands still with every page', async () => {
    const world = await filled()
    world.fate = (q) => (q.to === 'c' ? 'lost' : undefined)
    await world.tell(lettersOf('abdef'))
    const startMs = world.clock.monotonicMs()
    await world.installed('def')
    const tookMs = world.clock.monotonicMs() - startMs
    assert.ok(tookMs < 15_000, `${tookMs} ms`)
    assertMoved(world)
  })
})
