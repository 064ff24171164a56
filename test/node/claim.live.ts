/** How a data directory comes to belong to a cluster, and what is noticed when that is lost. */
import assert from 'node:assert/strict'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AtollNode, createNode } from '../../src/index.ts'

async function inDirectory(run: (dataDir: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'atoll-claim-'))
  try {
    await run(join(home, 'data'))
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

async function withNode<T>(dataDir: string, run: (node: AtollNode) => Promise<T>): Promise<T> {
  const node = await createNode({ dataDir, init: true, listen: ['/ip4/127.0.0.1/tcp/0'] })
  try {
    return await run(node)
  } finally {
    await node.stop()
  }
}

const color = async (node: AtollNode): Promise<unknown> => (await node.kv.get('color'))?.value

describe('claim', () => {
  it('is made once, and found again', () =>
    inDirectory(async (dataDir) => {
      const first = await withNode(dataDir, async (node) => {
        await node.kv.put('color', 'blue')
        await assert.rejects(node.init(), { code: 'ALREADY_CLAIMED' })
        return (await node.status()).clusterId
      })
      await withNode(dataDir, async (node) => {
        assert.equal((await node.status()).clusterId, first)
        assert.equal(await color(node), 'blue')
      })
    }))

  it('that lost its file is damage, not a directory without data', () =>
    inDirectory(async (dataDir) => {
      await withNode(dataDir, (node) => node.kv.put('color', 'blue'))
      await rename(join(dataDir, 'cluster'), join(dataDir, '..', 'kept'))
      for (const init of [true, false]) {
        await assert.rejects(createNode({ dataDir, init }), {
          code: 'DISK_DAMAGED',
          message: /"cluster"/,
        })
      }
      await rename(join(dataDir, '..', 'kept'), join(dataDir, 'cluster'))
      await withNode(dataDir, async (node) => assert.equal(await color(node), 'blue'))
    }))

  it('as a member needs a directory', () =>
    inDirectory((dataDir) =>
      withNode(dataDir, async (node) => {
        const { ticket } = await node.ticket.create()
        await assert.rejects(createNode({ join: ticket }), {
          code: 'UNSUPPORTED',
          hint: /--role edge/,
        })
        const { ticket: forEdge } = await node.ticket.create({ role: 'edge' })
        await using edge = await createNode({ join: forEdge, listen: ['/ip4/127.0.0.1/tcp/0'] })
        assert.equal((await edge.status()).role, 'edge')
      }),
    ))

  it('ends what watches its members', () =>
    inDirectory(async (dataDir) => {
      const seen = await withNode(dataDir, async (node) => {
        const changes: string[] = []
        const watching = (async () => {
          for await (const { kind } of node.member.watch()) changes.push(kind)
        })()
        return { changes, watching }
      })
      await seen.watching
      assert.deepEqual(seen.changes, ['join'])
    }))

  it('ends with leaving; the next cluster begins with nothing of the one before', () =>
    inDirectory(async (dataDir) => {
      await withNode(dataDir, async (first) => {
        await first.kv.put('color', 'blue')
        const { ticket } = await first.ticket.create()
        const listen = ['/ip4/127.0.0.1/tcp/0']
        const second = await createNode({ dataDir: `${dataDir}2`, join: ticket, listen })
        try {
          assert.equal(await color(second), 'blue')
          const { storageId } = await second.status()
          await second.leave()
          assert.equal((await second.status()).state, 'unclaimed')
          const { clusterId } = await second.init()
          assert.notEqual(clusterId, (await first.status()).clusterId)
          assert.equal(await color(second), undefined)
          // An emptied disk is another disk: nobody may count on what it knew.
          assert.notEqual((await second.status()).storageId, storageId)
        } finally {
          await second.stop()
        }
        assert.equal(await color(first), 'blue')
      })
    })).timeout(30_000)
})
