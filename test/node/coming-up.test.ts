/** A node that comes up: what is asked of it meanwhile, and its end before it is there. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { isAtollError } from '../../src/base/errors.ts'
import type { AtollNode } from '../../src/node/api.ts'
import { NODE_DEFAULTS } from '../../src/node/config.ts'
import { openNode } from '../../src/node/node.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { SimDisk } from '../sim/sim-storage.ts'
import { World } from '../sim/world.ts'

/** Opened and not started: the tests do that. */
function newWorld(seed: string, disk?: SimDisk): World<AtollNode> {
  return new World<AtollNode>({
    seed,
    hosts: 1,
    program: {
      start: (seams, { name }) =>
        openNode(
          {
            ...NODE_DEFAULTS,
            name,
            partitions: 8,
            dataDir: '/data',
            listen: ['/ip4/0.0.0.0/tcp/4410'],
          },
          seams,
        ),
      stop: (node) => node.stop(),
    },
    disk: (_name, chance) => disk ?? new SimDisk(chance),
  })
}

describe('a node that comes up', () => {
  const seed = process.env['SEED'] ?? randomBytes(4).toString('hex')
  let world: World<AtollNode>

  const on = <T>(run: (node: AtollNode) => Promise<T>): Promise<T> =>
    world.call(0, (node) => run(node as AtollNode))

  /** A member with a value on its disk, open again and not started yet. */
  async function reopened(): Promise<void> {
    await world.start(0)
    await on(async (node) => {
      await node.start()
      await node.init()
      await node.kv.put('color', 'blue')
    })
    await world.stop(0)
    await world.start(0)
  }

  beforeEach(() => {
    world = newWorld(seed)
  })
  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.error(`SEED=${seed}`)
  })

  it('founds and joins nothing meanwhile: that would empty its disk', () =>
    world.run(async () => {
      await reopened()
      await on(async (node) => {
        const starting = node.start()
        await assert.rejects(node.init(), { code: 'ALREADY_CLAIMED' })
        await assert.rejects(node.join('atoll1whatever'), { code: 'ALREADY_CLAIMED' })
        await starting
        assert.equal((await node.kv.get('color'))?.value, 'blue')
      })
      await world.stop(0)
    }))

  it('does so once, however often it is asked to', () =>
    world.run(async () => {
      await reopened()
      await on(async (node) => {
        await Promise.all([node.start(), node.start()])
        await node.start()
        assert.equal((await node.status()).state, 'running')
      })
      assert.equal(world.host(0).networks.size, 1)
      await world.stop(0)
    }))

  // Its steps take well under a millisecond each.
  for (const delayMs of [0, 0.1, 0.5, 1, 2, 5, 10]) {
    it(`leaves nothing behind when it is stopped after ${delayMs} ms`, () =>
      world.run(async () => {
        await reopened()
        let starting: Promise<unknown> = Promise.resolve()
        await on(async (node) => {
          starting = Promise.allSettled([node.start()])
        })
        await world.sleep(delayMs)
        const { networks } = world.host(0)
        const made = [...networks]
        // Fails when a timer is left.
        await world.stop(0)
        await starting
        for (const network of made) assert.equal(network.connections.size, 0)
        await world.start(0)
        await on((node) => node.start())
        assert.equal((await on((node) => node.kv.get('color')))?.value, 'blue')
        await world.stop(0)
      }))
  }

  it('does not come up on a full disk, and does not say that it goes on by itself', () => {
    const disk = new SimDisk(new SimRandom(seed))
    world = newWorld(seed, disk)
    return world.run(async () => {
      await reopened()
      await world.stop(0)
      disk.faults.capacityBytes = 0
      await assert.rejects(world.start(0), (error) => {
        return isAtollError(error, 'DISK_FULL') && error.hint?.includes('start the node') === true
      })
    })
  })

  it('does not come up any more once it was stopped', () =>
    world.run(async () => {
      await reopened()
      const node = await on(async (found) => found)
      await on((found) => found.stop())
      await on(() => assert.rejects(node.start(), { code: 'STOPPED' }))
      await world.stop(0)
    }))
})
