import assert from 'node:assert/strict'
import type { Registers } from '../../src/paxos/registers.ts'
import { lettersOf, RegisterWorld } from './world.ts'

const PATIENT = { deadlineMs: 60_000 }
/** One round of questions may be under way. */
const SOON_MS = 1500

/** The call has no majority when its node stops. */
async function stopsDuring(
  name: string,
  call: (reg: Registers) => Promise<unknown>,
): Promise<{ readonly how: string; readonly tookMs: number }> {
  const world = await RegisterWorld.start(['abc'], { nodes: 'd', edges: 'e' })
  for (const other of lettersOf('abc')) if (other !== name) world.lose(other)
  const reg = world.reg(name)
  const ended = call(reg).then(String, (error: { code: string; outcome: string }) => {
    return `${error.code} ${error.outcome}`
  })
  await world.wait(200)
  await world.drive(reg.stop())
  const startMs = world.clock.monotonicMs()
  const how = await world.drive(ended)
  return { how, tookMs: world.clock.monotonicMs() - startMs }
}

describe('a node that stops ends', () => {
  for (const name of lettersOf('ade')) {
    it(`a read that waits for replicas, at ${name}`, async () => {
      const { how, tookMs } = await stopsDuring(name, (reg) => reg.get('k', PATIENT))
      assert.equal(how, 'STOPPED not-applied')
      assert.ok(tookMs <= SOON_MS, `${tookMs}`)
    })

    it(`a change that waits for replicas, at ${name}`, async () => {
      const { how, tookMs } = await stopsDuring(name, (reg) => reg.set('k', 'v', PATIENT))
      assert.equal(how, 'STOPPED not-applied')
      assert.ok(tookMs <= SOON_MS, `${tookMs}`)
    })
  }
})
