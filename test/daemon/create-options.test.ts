import assert from 'node:assert/strict'
import { type CreateNodeOptions, planOf } from '../../src/daemon/create-options.ts'

const REFUSED: readonly (readonly [object, RegExp])[] = [
  [{ init: true, join: 'x' }, /init and join exclude each other/],
  [{ partitions: 100 }, /"partitions" must be a power of two/],
  [{ replicationFactor: 0 }, /"replicationFactor" must be at least 1/],
  [{ capacity: -1 }, /"capacity" must be at least 0/],
  [{ profile: 'zap' }, /"profile" must be .*, not "zap"/],
  [{ listen: ['nonsense'] }, /nonsense.* must be a multiaddr/],
  [{ listen: [] }, /"listen" must name an address/],
  [{ name: '' }, /"name" must not be empty/],
  [{ zone: 'x'.repeat(64) }, /"zone" is over 63 characters/],
  [{ tags: { a: 1 } }, /"tags.a" must be string/],
  [{ dataDir: 7 }, /"dataDir" must be string/],
  [{ dataDir: '' }, /"dataDir" must not be empty/],
  [{ wrong: 1 }, /"wrong" is no parameter/],
]

describe('options of createNode', () => {
  for (const [options, message] of REFUSED) {
    it(`refuses ${JSON.stringify(options).slice(0, 40)}`, () => {
      const given = options as CreateNodeOptions
      assert.throws(() => planOf(given), { code: 'CONFIG_INVALID', message })
    })
  }

  it('take defaults for what is absent or undefined', () => {
    const { config, init, join } = planOf({ name: 'n', dataDir: undefined, join: undefined })
    assert.equal(config.name, 'n')
    assert.equal(config.zone, '')
    assert.equal(config.dataDir, null)
    assert.deepEqual([init, join], [false, null])
  })
})
