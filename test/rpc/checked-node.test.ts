/** What may be asked of a node: refused with the same error embedded and over the socket. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AtollError } from '../../src/base/errors.ts'
import { VALUE_DEPTH_MAX, VALUE_ELEMENTS_MAX } from '../../src/base/json-value.ts'
import type { ConnectedNode } from '../../src/client.ts'
import type { JsonValue, NodeApi, Value } from '../../src/node/api.ts'
import { CheckedNode } from '../../src/rpc/checked-node.ts'
import { connectClient } from '../../src/rpc/connect-client.ts'
import { METHODS } from '../../src/rpc/methods.ts'
import { type Message, Rig, turns } from './rig.ts'

/** A call that the types forbid, as JavaScript can make it. */
type Loose = {
  readonly [noun: string]: { readonly [verb: string]: (...args: unknown[]) => unknown }
}

function nested(levels: number): JsonValue {
  let value: JsonValue = []
  for (let level = 1; level < levels; level++) value = [value]
  return value
}

const cyclic: Record<string, unknown> = { a: [] }
cyclic['b'] = { c: cyclic }

const BAD_VALUES: readonly (readonly [unknown, string, RegExp])[] = [
  [nested(40), 'TOO_LARGE', /over 32 levels/],
  [nested(VALUE_DEPTH_MAX + 1), 'TOO_LARGE', /over 32 levels/],
  [{ json: nested(VALUE_DEPTH_MAX) }, 'TOO_LARGE', /over 32 levels/],
  [Array(VALUE_ELEMENTS_MAX + 1).fill(0), 'TOO_LARGE', /over 100000 elements/],
  [Array(VALUE_ELEMENTS_MAX / 2 + 1).fill([]), 'TOO_LARGE', /over 100000 elements/],
  [Array(2 ** 32 - 1), 'TOO_LARGE', /over 100000 elements/],
  ['x'.repeat(5 * 1024 * 1024), 'TOO_LARGE', /the value has 5242880 bytes; the limit is 1048576/],
  ['é'.repeat(600_000), 'TOO_LARGE', /the value has 1200000 bytes/],
  [new Uint8Array(1024 * 1024 + 1), 'TOO_LARGE', /the value has 1048577 bytes/],
  ['\ud800', 'USAGE', /lone surrogate/],
  [undefined, 'USAGE', /"value" is missing/],
  [1n, 'USAGE', /value is a bigint, which is no JSON/],
  [Number.NaN, 'USAGE', /value is NaN/],
  [{ a: [1, { b: Number.POSITIVE_INFINITY }] }, 'USAGE', /value\.a\[1\]\.b is Infinity/],
  [{ a: undefined }, 'USAGE', /value\.a is undefined/],
  [Array(2), 'USAGE', /value\[0\] is undefined/],
  [new Map([[1, 2]]), 'USAGE', /value is a Map/],
  [{ at: new Date(0) }, 'USAGE', /value\.at is a Date/],
  [{ bytes: Uint8Array.of(1) }, 'USAGE', /value\.bytes is a Uint8Array/],
  [{ f: () => 1 }, 'USAGE', /value\.f is a function/],
  [{ [Symbol('s')]: 1 }, 'USAGE', /symbols/],
  [
    { a: { toJSON: 5 }, b: Object.defineProperty([], 'toJSON', { value: () => 1 }) },
    'USAGE',
    /value\.b is .*toJSON/,
  ],
  [Object.defineProperty({}, 'toJSON', { value: () => 1 }), 'USAGE', /value is .*toJSON/],
  [Object.create(Object.assign(Object.create(null), { toJSON: () => 1 })), 'USAGE', /toJSON/],
  [Object.create(Object.create(Object.create(null))), 'USAGE', /value is a class/],
  [Object.assign([1], { name: 2 }), 'USAGE', /value is a list with named parts/],
  [[Object('text')], 'USAGE', /value\[0\] is a String/],
  [cyclic, 'USAGE', /value\.b\.c is a part of itself/],
]

type Wrong = readonly [string, string, readonly unknown[], string, RegExp]
const WRONG_CALLS: readonly Wrong[] = [
  ['kv', 'put', [5, 'v'], 'USAGE', /kv\.put: "key" must be string, not 5/],
  ['kv', 'put', ['', 'v'], 'USAGE', /"key" must not be empty/],
  ['kv', 'put', ['k', 'v', { wrte: 'all' }], 'USAGE', /"wrte" is no parameter/],
  ['kv', 'put', ['k', 'v', { write: 'some' }], 'USAGE', /"write" must be/],
  ['kv', 'put', ['k', 'v', { key: 'other' }], 'USAGE', /"key" is no option/],
  ['kv', 'put', ['k', 'v', { deadlineMs: '2s' }], 'USAGE', /"deadlineMs" must be number/],
  ['kv', 'put', ['k', 'v', null], 'USAGE', /the options must be an object/],
  ['kv', 'put', ['k', 'v', { signal: 5 }], 'USAGE', /"signal" must be an AbortSignal/],
  ['kv', 'get', [], 'USAGE', /"key" is missing/],
  ['kv', 'get', ['k'.repeat(1025)], 'TOO_LARGE', /the key has 1025 bytes; the limit is 1024/],
  ['kv', 'get', ['k'.repeat(100_000)], 'TOO_LARGE', /the key has 100000 bytes/],
  ['kv', 'get', ['k', { write: 'all' }], 'USAGE', /"write" is no parameter/],
  ['kv', 'del', [{}], 'USAGE', /"key" must be string/],
  ['kv', 'ls', [{ prefix: 'x' }], 'USAGE', /"prefix" must be string/],
  ['kv', 'ls', ['', { limit: 0 }], 'USAGE', /"limit" must be at least 1/],
  ['reg', 'get', [5], 'USAGE', /reg\.get: "key" must be string, not 5/],
  ['reg', 'get', ['k'.repeat(1025)], 'TOO_LARGE', /the key has 1025 bytes; the limit is 1024/],
  ['reg', 'set', ['', 'v'], 'USAGE', /"key" must not be empty/],
  ['reg', 'set', ['k'], 'USAGE', /"value" is missing/],
  ['reg', 'set', ['k', { a: new Map() }], 'USAGE', /value\.a is a Map/],
  ['reg', 'set', ['k', 'v', { ifVersion: 5 }], 'USAGE', /"ifVersion" must be string/],
  ['reg', 'set', ['k', 'v', { ifAbsent: 'yes' }], 'USAGE', /"ifAbsent" must be boolean/],
  ['reg', 'set', ['k', 'v', { opId: '' }], 'USAGE', /"opId" must not be empty/],
  ['reg', 'set', ['k', 'v', { write: 'all' }], 'USAGE', /"write" is no parameter/],
  ['reg', 'set', ['k', 'v', { deadlineMs: 3_600_001 }], 'USAGE', /must be at most 3600000/],
  ['reg', 'cas', ['k', undefined, { ifAbsent: true }], 'USAGE', /"value" is missing/],
  ['reg', 'del', ['k', { ifAbsent: true }], 'USAGE', /"ifAbsent" is no parameter/],
  ['reg', 'incr', ['k', 0.5], 'USAGE', /"by" must be a whole number/],
  ['reg', 'incr', ['k', 2 ** 53], 'USAGE', /"by" must be at most 9007199254740991/],
  ['reg', 'incr', ['k', '1'], 'USAGE', /"by" must be number/],
  [
    'kv',
    'put',
    ['k', 'v', { deadlineMs: 3_600_001 }],
    'USAGE',
    /"deadlineMs" must be at most 3600000/,
  ],
  ['kv', 'ls', ['', { deadlineMs: 3_600_001 }], 'USAGE', /"deadlineMs" must be at most 3600000/],
  ['reg', 'update', [7, () => 1], 'USAGE', /"key" must be string/],
  ['reg', 'update', ['k', 'v'], 'USAGE', /"change" must be a function/],
  ['reg', 'update', ['k', () => 1, { ifAbsent: true }], 'USAGE', /"ifAbsent" is no parameter/],
  ['reg', 'ls', ['', { limit: 1001 }], 'USAGE', /"limit" must be at most 1000/],
  ['reg', 'ls', [{}], 'USAGE', /"prefix" must be string/],
  ['member', 'ls', [{ all: true }], 'USAGE', /"all" is no parameter/],
  ['member', 'show', [7], 'USAGE', /"member" must be string/],
  ['member', 'tag', [{ a: 1 }], 'USAGE', /"tags\.a"/],
  ['ticket', 'create', [{ ttl: '1h' }], 'USAGE', /"ttl" is no parameter/],
  ['ticket', 'revoke', [null], 'USAGE', /"ticket" must be string/],
  ['topology', 'show', [{ x: 1 }], 'USAGE', /"x" is no parameter/],
  ['debug', 'log', [5], 'USAGE', /"levels" must be string/],
  ['debug', 'log', ['debug', { forMs: 0 }], 'USAGE', /"forMs" must be at least 1/],
  ['debug', 'log', ['debug', { forMs: 1e9 }], 'USAGE', /"forMs" must be at most 86400000/],
  ['debug', 'timeline', [{ since: '1h' }], 'USAGE', /"since" is no parameter/],
  ['debug', 'timeline', [{ sinceMs: 1.5 }], 'USAGE', /"sinceMs"/],
  ['topology', 'plan', [{ x: 1 }], 'USAGE', /"x" is no parameter/],
  ['topology', 'move', [1.5, { to: 'c' }], 'USAGE', /"partition" must be/],
  ['topology', 'move', [1, {}], 'USAGE', /"to" is missing/],
  ['member', 'remove', [7], 'USAGE', /"member" must be string/],
]

describe('what may be asked of a node', () => {
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

  for (const [value, code, message] of BAD_VALUES) {
    it(`refuses a value: ${code} ${message.source}`, async () => {
      for (const node of both) {
        const put = node.kv.put('k', value as Value)
        await assert.rejects(put, { code, message, outcome: 'not-applied' })
      }
      // It was the fault of that call alone.
      assert.equal((await connected.kv.put('k', 'v')).acks, 3)
      assert.equal(rig.node.calls, 1)
    })
  }

  for (const [noun, verb, args, code, message] of WRONG_CALLS) {
    it(`refuses ${noun}.${verb}(${String(JSON.stringify(args)).slice(1, 40)})`, async () => {
      for (const node of both) {
        const call = Promise.resolve((node as unknown as Loose)[noun]?.[verb]?.(...args))
        await assert.rejects(call, { code, message, outcome: 'not-applied' })
      }
      assert.equal(rig.node.calls, 0)
    })
  }

  it('takes what is at its limit, and gives it back', async () => {
    const values: readonly Value[] = [
      nested(VALUE_DEPTH_MAX),
      { base64: nested(VALUE_DEPTH_MAX - 1) },
      Array<number>(VALUE_ELEMENTS_MAX).fill(0),
      Array<JsonValue>(VALUE_ELEMENTS_MAX / 2).fill([]),
      new Uint8Array(1024 * 1024),
      'x'.repeat(1024 * 1024),
      '"'.repeat(1024 * 1024),
      '\0'.repeat(1024 * 1024),
      { base64text: 'Ymx1ZQ==' },
    ]
    for (const node of both) {
      for (const value of values) {
        await node.kv.put('k', value)
        assert.deepEqual((await node.kv.get('k'))?.value, value)
      }
      // In a list and wrapped it lies the deepest.
      const element = { json: nested(VALUE_DEPTH_MAX - 1) }
      await node.kv.put('k', [element], { type: 'set' })
      assert.deepEqual((await node.kv.get('k'))?.value, [element])
    }
    const value = { json: nested(VALUE_DEPTH_MAX) }
    const put = { jsonrpc: '2.0', id: 1, method: 'kv.put', params: { key: 'k', value } }
    const set = { ...put, id: 2, params: { key: 'k', value: [value], type: 'set' } }
    const client = rig.raw()
    client.send([put, set])
    const replies = (await client.next()) as unknown as readonly Message[]
    assert.deepEqual(
      replies.map(({ error }) => error),
      [undefined, undefined],
    )
  })

  it('takes what has an odd form, and gives back the same', async () => {
    const values = [
      JSON.parse('{"__proto__":{"a":1},"constructor":2,"toJSON":3}') as JsonValue,
      Object.assign(Object.create(null) as object, { a: 1 }),
      { 'a lone \ud800': '\udfff' },
      [-0],
      Array(3).fill(Object.freeze({ shared: true })),
    ] as readonly Value[]
    for (const node of both) {
      for (const value of values) {
        await node.kv.put('k', value)
        const read = (await node.kv.get('k'))?.value
        assert.equal(JSON.stringify(read), JSON.stringify(value))
      }
    }
  })

  it('takes every JSON value that there is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), async (value) => {
        for (const node of both) await node.kv.put('k', value as Value)
      }),
      { numRuns: 100 },
    )
  })

  it('takes options that are undefined as absent', async () => {
    const options = {
      write: undefined,
      context: undefined,
      deadlineMs: undefined,
      signal: undefined,
    }
    for (const node of both) await (node as unknown as Loose)['kv']?.['put']?.('k', 'v', options)
    assert.equal(rig.node.calls, 2)
  })

  it('a register takes 256 KiB and no more', async () => {
    const large = 256 * 1024
    for (const node of both) {
      for (const value of ['x'.repeat(large), new Uint8Array(large), '\0'.repeat(large)]) {
        await node.reg.set('k', value)
        assert.deepEqual((await node.reg.get('k'))?.value, value)
      }
      const over = { code: 'TOO_LARGE', message: /has 262145 bytes; the limit is 262144/ }
      for (const value of ['x'.repeat(large + 1), new Uint8Array(large + 1)]) {
        await assert.rejects(node.reg.set('k', value), over)
        await assert.rejects(node.reg.cas('k', value, { ifAbsent: true }), over)
        await assert.rejects(
          node.reg.update('k', () => value),
          over,
        )
      }
    }
  })

  it('an update stores nothing that could not be set', async () => {
    for (const node of both) {
      const update = node.reg.update('k', () => new Map() as unknown as Value)
      await assert.rejects(update, { code: 'USAGE', message: /value is a Map/ })
      assert.equal(await node.reg.get('k'), null)
    }
  })

  it('a lost condition says the current version, everywhere', async () => {
    const { version } = await rig.node.reg.set('k', 'v')
    for (const node of both) {
      const lost = { code: 'CONFLICT', outcome: 'not-applied' }
      await assert.rejects(node.reg.set('k', 'w', { ifAbsent: true }), { ...lost, version })
      await assert.rejects(node.reg.cas('k', 'w', { ifVersion: 'v0' }), { ...lost, version })
      await assert.rejects(node.reg.del('none', { ifVersion: 'v0' }), { ...lost, version: '' })
      await assert.rejects(node.kv.get(''), { code: 'USAGE', version: undefined })
    }
  })

  it('a watch refuses what is no option, at its first step', async () => {
    for (const node of both) {
      const changes = (node as unknown as Loose)['member']?.['watch']?.({ from: 1 })
      const first = (changes as AsyncIterable<unknown>)[Symbol.asyncIterator]().next()
      await assert.rejects(first, { code: 'USAGE', message: /"from" is no parameter/ })
    }
  })
})

describe('a request that no daemon would read', () => {
  let rig: Rig
  beforeEach(async () => {
    rig = await Rig.open()
  })
  afterEach(() => rig.close())

  const REFUSED: readonly (readonly [string, unknown, string])[] = [
    ['deep', nested(40), 'TOO_LARGE'],
    ['wide', Array(100_001).fill(0), 'TOO_LARGE'],
    ['long', 'x'.repeat(5 * 1024 * 1024), 'TOO_LARGE'],
    ['no JSON', 1n, 'USAGE'],
  ]
  for (const [name, value, code] of REFUSED) {
    it(`${name}: nothing is sent, nothing stays registered, the next call works`, async () => {
      const unhandled: unknown[] = []
      const onUnhandled = (reason: unknown) => void unhandled.push(reason)
      process.prependListener('unhandledRejection', onUnhandled)
      const client = await connectClient(rig.path)
      try {
        const put = client.call(METHODS['kv.put'], { key: 'k', value })
        await assert.rejects(put, { code, outcome: 'not-applied' })
        assert.notEqual(await client.call(METHODS.status, {}), null)
        assert.equal(rig.node.calls, 1)
      } finally {
        await client.close()
        await turns()
        process.removeListener('unhandledRejection', onUnhandled)
      }
      assert.deepEqual(unhandled, [])
    })
  }

  it('an error without an id ends nothing, as long as the daemon ends nothing', async () => {
    await rig.close()
    // A daemon with lower limits than this client knows.
    rig = await Rig.open({ depthMax: 6 })
    const client = await connectClient(rig.path)
    const put = METHODS['kv.put']
    const refused = client.call(put, { key: 'k', value: nested(10) }, { patienceMs: 20 })
    await assert.rejects(refused, { code: 'TIMEOUT', outcome: 'unknown' })
    assert.notEqual(await client.call(put, { key: 'k', value: 'v' }), null)
    await client.close()
  })

  it('after a loss later calls say UNREACHABLE, and why', async () => {
    await rig.close()
    rig = await Rig.open({ lineBytesMax: 500 })
    const node = await rig.connect()
    const lost = { code: 'UNREACHABLE', message: /was lost: a line is over 500 bytes/ }
    await assert.rejects(node.kv.put('k', 'x'.repeat(1000)), { ...lost, outcome: 'unknown' })
    await assert.rejects(node.kv.get('k'), { ...lost, outcome: 'not-applied' })
    await assert.rejects(node.kv.get('k'), (error) => error instanceof AtollError)
    await node.close()
  })
})
