/** Counters, sets and all values of a key: the same embedded and over the socket. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import type { ConnectedNode } from '../../src/client.ts'
import type { KvPutOptions, KvValue, NodeApi, Value } from '../../src/node/api.ts'
import { CheckedNode } from '../../src/rpc/checked-node.ts'
import { FUTURE_MS } from './fake-node.ts'
import { Rig } from './rig.ts'

/** JSON that could be taken for bytes, bytes that are, and one of each other kind. */
const ELEMENTS: readonly Value[] = [
  'x',
  '',
  new Uint8Array([0, 255]),
  { base64: 'no bytes' },
  { json: 1 },
  { a: [1, null] },
  7,
  null,
  false,
]

type Call = (node: NodeApi) => Promise<unknown>

const WRONG: readonly (readonly [string, Call, RegExp])[] = [
  ['no element', ({ kv }) => kv.set.add('k', []), /elements/],
  ['no list', ({ kv }) => kv.set.add('k', 'x' as unknown as Value[]), /elements/],
  ['an element that is no JSON', ({ kv }) => kv.set.rm('k', [Number.NaN]), /NaN/],
  ['half an addition', ({ kv }) => kv.counter.add('k', 0.5), /delta/],
  ['an addition of text', ({ kv }) => kv.counter.add('k', '5' as unknown as number), /delta/],
  [
    'a context of an addition',
    ({ kv }) => kv.counter.add('k', 1, { context: 'x' } as object),
    /context/,
  ],
  ['no key', ({ kv }) => kv.counter.get(''), /key/],
  ['no time', ({ kv }) => kv.put('k', 'v', { ttlMs: 0 }), /ttlMs/],
  ['half a time', ({ kv }) => kv.put('k', 'v', { ttlMs: 0.5 }), /ttlMs/],
  [
    'a type that there is not',
    ({ kv }) => kv.put('k', 1, { type: 'map' } as unknown as KvPutOptions),
    /type/,
  ],
  ['a set that is no list', ({ kv }) => kv.put('k', 'x', { type: 'set' }), /list/],
  ['bytes in JSON', ({ kv }) => kv.put('k', [new Uint8Array(1)]), /no JSON/],
]

describe('counters and sets of a node', () => {
  let rig: Rig
  let connected: ConnectedNode
  let both: readonly NodeApi[]
  beforeEach(async () => {
    rig = await Rig.open()
    connected = await rig.connect()
    both = [new CheckedNode(rig.node), connected]
  })
  afterEach(async () => {
    await connected.close()
    await rig.close()
  })

  it('conditions of registers lead there', async () => {
    const conditions = { ifVersion: 'v1', ifAbsent: true, fence: 7 }
    for (const [name, value] of Object.entries(conditions)) {
      for (const { kv } of both) {
        const error = await kv.put('k', 'v', { [name]: value }).catch((thrown: unknown) => thrown)
        assert.ok(error instanceof AtollError && error.code === 'USAGE', name)
        assert.match(error.hint ?? '', /registers do: reg\.set/)
      }
      const { error } = await rig.raw().call('kv.del', { key: 'k', [name]: value })
      assert.equal(error?.code, -32602)
      assert.match(error?.data.hint ?? '', /registers do: reg\.set/)
    }
    const other = await rig.raw().call('kv.put', { key: 'k', value: 'v', wrte: 'all' })
    assert.equal(other.error?.data.hint, undefined)
  })

  it('counters count', async () => {
    for (const [i, { kv }] of both.entries()) {
      const key = `k${i}`
      assert.equal(await kv.counter.get(key), null)
      assert.equal((await kv.counter.add(key)).value, 1)
      const { value, acks, context } = await kv.counter.add(key, -8, { write: 'all' })
      assert.deepEqual([value, acks, context], [-7, 3, 'v1'])
      const read = await kv.counter.get(key, { read: 'one', maxAgeMs: 5 })
      assert.deepEqual([read?.value, read?.type], [-7, 'counter'])
    }
  })

  it('sets give back each element as what it was', async () => {
    for (const [i, { kv }] of both.entries()) {
      const key = `k${i}`
      assert.deepEqual((await kv.set.ls(key)).value, [])
      assert.equal((await kv.set.add(key, ELEMENTS)).changed, ELEMENTS.length)
      const { value, type, acks } = await kv.set.ls(key)
      assert.deepEqual([value, type, acks], [ELEMENTS, 'set', 3])
      const removed = await kv.set.rm(key, ['x', 'y', new Uint8Array([0, 255])], { context: 'v1' })
      assert.deepEqual([removed.changed, removed.partial], [2, true])
    }
  })

  it('reads and lists say what is a set, and when a value ends', async () => {
    const { node } = rig
    const found: readonly (readonly [string, KvValue, object])[] = [
      ['counter', 5, { type: 'counter' }],
      ['ends', 'v', { expiresAtMs: 5000 }],
      ['list', [{ json: 1 }, { base64: 'x' }], {}],
      ['set', ELEMENTS, { type: 'set' }],
    ]
    for (const [key, value, rest] of found) {
      node.values.set(key, value)
      node.types.set(key, rest)
    }
    for (const { kv } of both) {
      const { entries } = await kv.ls('')
      const expected = found.map(([key, value, rest]) => ({ key, value, ...rest, siblingCount: 1 }))
      assert.deepEqual(entries, expected)
      const list = await kv.siblings('list')
      const another = { value: 'another' }
      assert.deepEqual(list.siblings, [{ value: [{ json: 1 }, { base64: 'x' }] }, another])
      const set = await kv.siblings('set')
      assert.deepEqual(set.siblings, [{ value: ELEMENTS, type: 'set' }, another])
      assert.equal(list.context, 'v1')
      assert.deepEqual((await kv.siblings('none')).siblings, [])
    }
  })

  it('puts of a type or with a time', async () => {
    const { node } = rig
    for (const { kv } of both) {
      await kv.put('set', ELEMENTS, { type: 'set' })
      assert.deepEqual(node.values.get('set'), ELEMENTS)
      await kv.put('counter', 5, { type: 'counter', write: 'all' })
      await kv.put('ends', 'v', { ttlMs: 250 })
      assert.deepEqual(Object.fromEntries(node.types), {
        set: { type: 'set' },
        counter: { type: 'counter' },
        ends: { expiresAtMs: FUTURE_MS + 250 },
      })
      node.types.clear()
    }
  })

  for (const [name, call, message] of WRONG) {
    it(`refuses ${name}`, async () => {
      for (const each of both) {
        await assert.rejects(call(each), { code: 'USAGE', message, outcome: 'not-applied' })
      }
      assert.equal(rig.node.calls, 0)
    })
  }
})
