/** What `topology plan` says to a person of what moves, and of what comes next. */
import assert from 'node:assert/strict'
import { topologyPlan } from '../../src/cli/topology-views.ts'

type Plan = Parameters<typeof topologyPlan.human>[0]

const QUIET: Plan = {
  number: 5,
  decider: 'a',
  blocked: null,
  reasons: [],
  joins: [],
  goes: [],
  roots: ['a', 'b', 'c'],
  moves: [],
  moving: [],
  losses: [],
}
const ARRIVED = { partition: 1, from: ['c'], to: ['d'], installed: ['a', 'b', 'd'], waitsFor: [] }
const WAITING = { ...ARRIVED, partition: 2, installed: ['a', 'b'], waitsFor: ['d'] }

function shown(change: Partial<Plan>): readonly string[] {
  return topologyPlan.human({ ...QUIET, ...change }, (_colour, text) => text).split('\n')
}

describe('topology plan, as people see it', () => {
  it('says that nothing would change only where nothing is under way', () => {
    const [topology, , next] = shown({})
    assert.deepEqual(
      [topology, next],
      ['topology  5, nothing moves', 'next      nothing would change'],
    )
  })

  it('says what is under way, how far it is, and what comes after', () => {
    const [topology, , next, first, second] = shown({ moving: [ARRIVED, WAITING] })
    assert.equal(topology, 'topology  5, 2 partitions under way, 1 of them has arrived')
    assert.match(next ?? '', /^next {6}when what moves has arrived, its old copies are let go/)
    assert.match(first ?? '', /^moving {4}partition 1 to d from c: 3 of 3 installed$/)
    assert.match(second ?? '', /partition 2 to d from c: 2 of 3 installed, waits for d$/)
    assert.equal(
      shown({ moving: [WAITING] })[0],
      'topology  5, 1 partition under way, none has arrived',
    )
    assert.match(shown({ moving: [ARRIVED], reasons: ['1 join'] })[2] ?? '', /^next {6}1 join$/)
  })

  it('promises nothing while too few roots are up', () => {
    const [, , blocked, next, losses] = shown({ blocked: '2 of 3 roots are down: b, c' })
    assert.equal(blocked, 'blocked   2 of 3 roots are down: b, c')
    assert.equal(next, 'next      nothing, as long as that is so')
    assert.match(losses ?? '', /no further loss of one member or zone would stop anything more$/)
  })
})
