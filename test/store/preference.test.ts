/** Whom a node asks: the same few for a moment, all alike in the long run. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Preference } from '../../src/store/preference.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { ManualClock } from '../topology/manual-clock.ts'

const PEERS = 'abcdefgh'.split('').map((letter) => `peer-${letter}`)

describe('preference', () => {
  it('is one order for a moment: who is preferred to others is so among fewer, too', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.subarray(PEERS)), (seed, sets) => {
        const preference = new Preference(new ManualClock(), new SimRandom(`preference ${seed}`))
        for (const set of sets) {
          const best = preference.of(set)
          assert.equal(best === undefined, set.length === 0)
          if (best === undefined) continue
          for (const other of set) assert.equal(preference.of([other, best]), best)
        }
      }),
    )
  })

  it('changes: in the long run all are asked alike', async () => {
    const clock = new ManualClock()
    const preference = new Preference(clock, new SimRandom('spells'))
    const asked = new Map<string, number>()
    for (let i = 0; i < 3000; i++) {
      const best = preference.of(PEERS.slice(0, 3)) ?? ''
      asked.set(best, (asked.get(best) ?? 0) + 1)
      await clock.advance(10)
    }
    for (const [peer, times] of asked) {
      assert.ok(times > 850 && times < 1150, `${peer} ${times} times of 3000`)
    }
    assert.equal(asked.size, 3)
  })

  it('forgets who was asked when the moment is over', async () => {
    const clock = new ManualClock()
    const preference = new Preference(clock, new SimRandom('forgets'))
    preference.of(PEERS)
    assert.equal(preference.size, PEERS.length)
    await clock.advance(10)
    preference.of(PEERS.slice(0, 2))
    assert.equal(preference.size, 2)
  })
})
