/** Every call of the store and of the registers, as an edge makes it, and what it must give. */
import assert from 'node:assert/strict'
import type { NodeApi } from '../../src/node/api.ts'

type Call = (node: NodeApi) => Promise<unknown>

/** By the names of the table of methods; a test holds them to it. */
export const EDGE_CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  [
    'kv.put',
    async ({ kv }) => {
      const { acks, replicas } = await kv.put('e/k', 'v', { write: 'quorum' })
      assert.ok(acks >= 2 && replicas >= acks)
    },
  ],
  [
    'kv.get',
    async ({ kv }) => {
      await kv.put('e/get', { a: 1 })
      assert.deepEqual((await kv.get('e/get', { read: 'all' }))?.value, { a: 1 })
      assert.deepEqual((await kv.get('e/get', { maxAgeMs: 1000 }))?.value, { a: 1 })
      assert.equal(await kv.get('e/none'), null)
    },
  ],
  [
    'kv.del',
    async ({ kv }) => {
      const { context } = await kv.put('e/del', 'v')
      await kv.del('e/del', { context })
      assert.equal(await kv.get('e/del'), null)
    },
  ],
  [
    'kv.ls',
    async ({ kv }) => {
      for (const key of ['e/ls/a', 'e/ls/b', 'e/ls/c']) await kv.put(key, key)
      const { entries, next, partial } = await kv.ls('e/ls/', { limit: 2 })
      assert.deepEqual(
        entries.map(({ key }) => key),
        ['e/ls/a', 'e/ls/b'],
      )
      assert.deepEqual([next, partial], ['e/ls/b', false])
    },
  ],
  [
    'kv.counter.add',
    async ({ kv }) => {
      const { value, acks, replicas } = await kv.counter.add('e/hits', 5, { write: 'quorum' })
      assert.ok(value === 5 && acks >= 2 && replicas >= acks)
    },
  ],
  [
    'kv.counter.get',
    async ({ kv }) => {
      assert.equal(await kv.counter.get('e/no-hits'), null)
      await kv.counter.add('e/count', 3)
      await kv.counter.add('e/count', -1)
      assert.equal((await kv.counter.get('e/count'))?.value, 2)
    },
  ],
  [
    'kv.set.add',
    async ({ kv }) => {
      const { changed, acks } = await kv.set.add('e/tags', ['x', { b: 1, a: 2 }])
      assert.ok(changed === 2 && acks >= 2)
    },
  ],
  [
    'kv.set.rm',
    async ({ kv }) => {
      await kv.set.add('e/rm', ['x', 'y'])
      assert.equal((await kv.set.rm('e/rm', ['x', 'z'])).changed, 1)
    },
  ],
  [
    'kv.set.ls',
    async ({ kv }) => {
      await kv.set.add('e/set', ['y', 'x', new Uint8Array([7])])
      const { value } = await kv.set.ls('e/set')
      assert.deepEqual(value, [new Uint8Array([7]), 'x', 'y'])
    },
  ],
  [
    'kv.watch',
    async ({ kv }) => {
      const given = new AbortController()
      const seen: string[] = []
      for await (const event of kv.watch('e/w', { signal: given.signal })) {
        seen.push(event.kind)
        if (seen.length === 1) await kv.put('e/w', 'v1')
        if (event.kind === 'put') await kv.del('e/w')
        if (event.kind === 'delete') break
      }
      given.abort()
      assert.ok(seen.includes('put'), seen.join())
    },
  ],
  [
    'reg.set',
    async ({ reg }) => {
      const { version } = await reg.set('e/r', 'v1', { ifAbsent: true })
      await reg.set('e/r', 'v2', { ifVersion: version })
    },
  ],
  [
    'reg.get',
    async ({ reg }) => {
      await reg.set('e/get', 'v')
      assert.equal((await reg.get('e/get'))?.value, 'v')
      assert.equal(await reg.get('e/none'), null)
    },
  ],
  [
    'reg.cas',
    async ({ reg }) => {
      const { version } = await reg.set('e/cas', 'v1')
      await reg.cas('e/cas', 'v2', { ifVersion: version })
      await assert.rejects(reg.cas('e/cas', 'v3', { ifVersion: version }), { code: 'CONFLICT' })
    },
  ],
  [
    'reg.del',
    async ({ reg }) => {
      await reg.set('e/del', 'v')
      await reg.del('e/del')
      assert.equal(await reg.get('e/del'), null)
    },
  ],
  [
    'reg.incr',
    async ({ reg }) => {
      assert.equal((await reg.incr('e/n')).value, 1)
      assert.equal((await reg.incr('e/n', 5)).value, 6)
      assert.equal((await reg.update('e/n', (n) => Number(n) * 2))?.value, 12)
    },
  ],
  [
    'reg.ls',
    async ({ reg }) => {
      for (const key of ['e/ls/a', 'e/ls/b']) await reg.set(key, key)
      const { entries, next } = await reg.ls('e/ls/')
      assert.deepEqual([entries.map(({ value }) => value), next], [['e/ls/a', 'e/ls/b'], null])
    },
  ],
  [
    'reg.watch',
    async ({ reg }) => {
      await reg.set('e/w', 'v1')
      const seen: unknown[] = []
      const given = new AbortController()
      for await (const event of reg.watch('e/w', { signal: given.signal })) {
        seen.push(event.kind === 'value' ? event.value : null)
        if (seen.length === 1) await reg.set('e/w', 'v2')
        if (seen.at(-1) === 'v2') break
      }
      given.abort()
      assert.equal(seen.at(-1), 'v2')
    },
  ],
  [
    'explain',
    async (node) => {
      await node.kv.put('e/x', 'v', { write: 'all' })
      const { replicas } = await node.explain('e/x')
      assert.ok(replicas.length >= 2)
      assert.ok(replicas.every(({ answered, siblingCount }) => answered && siblingCount === 1))
    },
  ],
])

/** How often a node has asked Kademlia for its cluster. */
export async function lookupsOf(node: NodeApi): Promise<number> {
  const families = await node.metrics()
  const family = families.find(({ name }) => name === 'atoll_topology_lookups_total')
  const [sample] = family?.samples ?? []
  assert.ok(sample !== undefined && 'value' in sample)
  return sample.value
}
