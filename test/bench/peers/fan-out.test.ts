import assert from 'node:assert/strict'
import { FanOut } from './fan-out.ts'

describe('bench fan-out', () => {
  it('is done when the last watcher has heard, one change at a time', async () => {
    const fan = new FanOut(3)
    const values: string[] = []
    const operation = fan.operation((value) => Promise.resolve(values.push(value)))
    let done = false
    const first = operation(0).then(() => {
      done = true
    })
    fan.heard()
    fan.heard()
    await new Promise((resolve) => process.nextTick(resolve))
    assert.equal(done, false)
    await assert.rejects(async () => await operation(1), /not been heard by all/)
    fan.heard()
    await first
    const second = operation(2)
    for (let i = 0; i < 3; i++) fan.heard()
    await second
    assert.equal(new Set(values).size, 2)
  })
})
