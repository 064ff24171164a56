/** `createNode()`, as a program has it: it refuses what `connect()` refuses, before anything else. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Value } from '../../src/node/api.ts'
import { type AtollNode, createNode } from '../../src/index.ts'

describe('an embedded node', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'atoll-embedded-'))
  let node: AtollNode
  before(async () => {
    node = await createNode({ dataDir })
  })
  after(async () => {
    await node.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('checks calls as connect() does', async () => {
    let deep: Value = 1
    for (let level = 0; level < 40; level++) deep = [deep]
    const refused = { outcome: 'not-applied' }
    await assert.rejects(node.kv.put('k', deep), { ...refused, code: 'TOO_LARGE' })
    await assert.rejects(node.kv.put('k', [Number.NaN]), { ...refused, code: 'USAGE' })
    await assert.rejects(node.kv.ls({ prefix: 'x' } as unknown as string), { code: 'USAGE' })
  })

  it('is unclaimed, and says so of what is right', async () => {
    assert.equal((await node.status()).state, 'unclaimed')
    await assert.rejects(node.kv.put('k', 'v'), { code: 'UNCLAIMED' })
  })
})
