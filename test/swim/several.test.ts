/** Several processes that end at once are found as soon as one. The seed stands in the message. */
import assert from 'node:assert/strict'
import { LAN, LOCAL, type SwimProfile } from '../../src/swim/parameters.ts'
import { Cluster } from './cluster.ts'

/** Kills two; until all who are left know of both, after the second. */
function knownAfterMs(profile: SwimProfile, size: number, gapMs: number, seed: number): number {
  const cluster = new Cluster({ seed: `dk ${seed}`, size, profile })
  cluster.settle()
  cluster.run(5000 + 137 * seed)
  cluster.kill(0)
  cluster.run(gapMs)
  cluster.kill(1)
  return cluster.until('dead', () => cluster.all(0, 'dead') && cluster.all(1, 'dead'), 30_000)
}

for (const [name, profile] of [
  ['lan', LAN],
  ['local', LOCAL],
] as const) {
  describe(`two that are killed, ${name}`, () => {
    it('out of three: nobody can confirm it, so the least time of a suspicion is enough', () => {
      for (const gapMs of [0, 500]) {
        for (let seed = 0; seed < 4; seed++) {
          const ms = knownAfterMs(profile, 3, gapMs, seed)
          const leastMs = profile.suspicionMult * profile.periodMs
          assert.ok(ms < leastMs + 500, `gap ${gapMs}, seed ${seed}: ${ms} ms`)
        }
      }
    })

    it('out of five: their closed ports are enough', () => {
      for (let seed = 0; seed < 12; seed++) {
        const ms = knownAfterMs(profile, 5, 200, seed)
        assert.ok(ms < profile.periodMs + 500, `seed ${seed}: ${ms} ms`)
      }
    })
  })
}
