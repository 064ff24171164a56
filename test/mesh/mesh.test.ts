import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import { utf8, utf8ToText } from '../../src/base/bytes.ts'
import { type Machine, type Running, World } from './world.ts'

const ECHO = 1000

async function pair(world: World): Promise<[Running, Running]> {
  const [first, second] = world.machines('a', 'b') as [Machine, Machine]
  const before = (mesh: { handle: Running['mesh']['handle'] }): void => {
    mesh.handle(ECHO, (_from, body) => body)
  }
  const one = await world.start(first, { before })
  const two = await world.start(second, { before })
  world.introduce(one, two)
  return [one, two]
}

describe('mesh', () => {
  it('answers requests', async () => {
    const world = new World('answers')
    await world.run(async () => {
      const [a, b] = await pair(world)
      const texts = await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const body = await a.mesh.request(b.machine.peer, ECHO, utf8(`n${i}`), {
            timeoutMs: 1000,
          })
          return utf8ToText(body)
        }),
      )
      assert.deepEqual(
        texts,
        Array.from({ length: 100 }, (_, i) => `n${i}`),
      )
      assert.deepEqual(
        a.evidence.map(({ kind }) => kind),
        ['connected'],
      )
      assert.deepEqual(
        b.evidence.map(({ kind }) => kind),
        ['connected'],
      )
      await a.mesh.stop()
      await b.mesh.stop()
    })
  })

  it('carries large bodies in parts', async () => {
    const world = new World('large')
    await world.run(async () => {
      const [a, b] = await pair(world)
      const body = world.random.bytes(3_000_000)
      const options = { timeoutMs: 5000, trafficClass: 'bulk' } as const
      const answers = await Promise.all([
        a.mesh.request(b.machine.peer, ECHO, body, options),
        a.mesh.request(b.machine.peer, ECHO, body.subarray(5), options),
        a.mesh.request(b.machine.peer, ECHO, utf8('small'), options),
      ])
      assert.ok(Buffer.from(answers[0]).equals(body))
      assert.ok(Buffer.from(answers[1]).equals(body.subarray(5)))
      assert.equal(utf8ToText(answers[2]), 'small')
    })
  })

  it('rejects what was sent when the peer dies, with outcome unknown, and reports it', async () => {
    const world = new World('dies')
    await world.run(async () => {
      const [a, b] = await pair(world)
      await a.mesh.request(b.machine.peer, ECHO, utf8('x'), { timeoutMs: 1000 })
      await world.kernel.sleep(2000)
      const late = a.mesh.request(b.machine.peer, ECHO, utf8('x'), { timeoutMs: 1000 })
      await world.kernel.sleep(0.05)
      world.kill(b)
      await assert.rejects(late, (e) => isAtollError(e, 'UNREACHABLE') && e.outcome === 'unknown')
      await world.until(() => a.evidence.length >= 3, 'evidence')
      assert.deepEqual(
        a.evidence.map(({ kind }) => kind),
        ['connected', 'reset', 'refused'],
      )
    })
  })
})
