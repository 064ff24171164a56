import assert from 'node:assert/strict'
import fc from 'fast-check'
import { shuffled } from '../../src/seams/random.ts'
import { ProbeOrder } from '../../src/swim/probe-order.ts'
import { Timetable } from '../../src/swim/timetable.ts'
import { SimRandom } from '../sim/sim-random.ts'

describe('timetable', () => {
  it('gives timers in the order of time, then of setting, like a sorted list', () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant('set' as const), id: fc.nat(9), at: fc.nat(50) }),
      fc.record({ do: fc.constant('cancel' as const), id: fc.nat(9), at: fc.constant(0) }),
      fc.record({ do: fc.constant('take' as const), id: fc.constant(0), at: fc.nat(50) }),
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const table = new Timetable<'x'>()
        let model: { id: string; at: number }[] = []
        for (const { do: what, id, at } of actions) {
          const subject = String(id)
          if (what === 'take') {
            model.sort((a, b) => a.at - b.at)
            const first = model[0]
            const due = first !== undefined && first.at <= at ? model.shift() : undefined
            assert.equal(table.take(at)?.subject, due?.id)
            continue
          }
          model = model.filter((each) => each.id !== subject)
          if (what === 'set') {
            model.push({ id: subject, at })
            table.set('x', subject, at)
          } else table.cancel('x', subject)
          const next = Math.min(...model.map((each) => each.at))
          assert.equal(table.deadline, next)
          assert.equal(table.size, model.length)
        }
      }),
    )
  })

  it('does not keep what is set again and again', () => {
    const table = new Timetable<'x'>()
    for (let i = 0; i < 200_000; i++) table.set('x', '', 1_000_000 - i)
    assert.equal(table.size, 1)
    assert.equal(table.take(1_000_000)?.at, 800_001)
    assert.equal(table.deadline, Number.POSITIVE_INFINITY)
  })
})

describe('probe order (SWIM §4.3)', () => {
  const ids = Array.from({ length: 20 }, (_, i) => `m${i}`)

  function orderOf(seed: string): { order: ProbeOrder; next: () => string | null } {
    const order = new ProbeOrder(new SimRandom(seed))
    for (const id of ids) order.add(id)
    return { order, next: () => order.next(() => true) }
  }

  it('probes each member once a round, in an order that changes', () => {
    const { next } = orderOf('1')
    const rounds = Array.from({ length: 5 }, () => ids.map(() => next()))
    for (const round of rounds) assert.deepEqual(new Set(round), new Set(ids))
    assert.equal(new Set(rounds.map(String)).size, 5)
  })

  it('probes each again within 2n − 1 periods', () => {
    const { next } = orderOf('2')
    const last = new Map<string | null, number>()
    for (let period = 0; period < 2000; period++) {
      const id = next()
      assert.ok(period - (last.get(id) ?? period) <= 2 * ids.length - 1)
      last.set(id, period)
    }
  })

  it('lets a new member in at any place', () => {
    const places = new Set<number>()
    for (let seed = 0; seed < 200; seed++) {
      const { order, next } = orderOf(`new ${seed}`)
      order.add('new')
      const round = Array.from({ length: 21 }, next)
      assert.equal(new Set(round).size, 21)
      places.add(round.indexOf('new'))
    }
    assert.ok(places.size > 15, `only ${places.size} places of 21`)
  })

  it('passes over those who ended and takes each but once', () => {
    const { order } = orderOf('3')
    order.add('m3')
    const up = (id: string) => id !== 'm7'
    const round = Array.from({ length: 19 }, () => order.next(up))
    assert.equal(new Set(round).size, 19)
    assert.equal(round.includes('m7'), false)
    assert.equal(
      order.next(() => false),
      null,
    )
  })

  it('is as even as a shuffle', () => {
    const random = new SimRandom('even')
    const firsts = new Map<string, number>()
    for (let i = 0; i < 2000; i++) {
      const first = shuffled(random, ids)[0] as string
      firsts.set(first, (firsts.get(first) ?? 0) + 1)
    }
    assert.ok([...firsts.values()].every((count) => count > 50 && count < 160))
  })
})
