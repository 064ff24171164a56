import assert from 'node:assert/strict'
import { SystemRandom } from '../../src/adapters/system-random.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { randomContract } from './random.contract.ts'

randomContract('system', () => new SystemRandom())
randomContract('simulated', () => new SimRandom('contract'))

describe('simulated random', () => {
  it('repeats for the same seed, differs for another', () => {
    const draw = (seed: string): string =>
      Buffer.from(new SimRandom(seed).bytes(32)).toString('hex')
    assert.equal(draw('1'), draw('1'))
    assert.notEqual(draw('1'), draw('2'))
  })

  it('forks by purpose, whatever was drawn before', () => {
    const [fresh, used] = [new SimRandom('1'), new SimRandom('1')]
    for (let i = 0; i < 100; i++) used.float()
    const first = fresh.fork('net').float()
    assert.equal(used.fork('net').float(), first)
    assert.notEqual(fresh.fork('disk').float(), first)
  })
})
