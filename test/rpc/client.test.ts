/** `connect()`: the interface of a node over the socket, and what it says when the socket fails. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import { type ConnectedNode, connect } from '../../src/client.ts'
import type { KvEvent, KvGetOptions, Value } from '../../src/node/api.ts'
import { connectClient } from '../../src/rpc/connect-client.ts'
import { METHODS } from '../../src/rpc/methods.ts'
import { MEMBERS } from './fake-node.ts'
import { Rig, until } from './rig.ts'

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('rpc client', () => {
  let rig: Rig
  let node: ConnectedNode
  beforeEach(async () => {
    rig = await Rig.open()
    node = await rig.connect()
  })
  afterEach(async () => {
    await node.close()
    await rig.close()
  })

  it('gives back what the node gives, call by call', async () => {
    const { node: fake } = rig
    assert.deepEqual(await node.status(), await fake.status())
    assert.deepEqual(await node.explain('k'), await fake.explain('k'))
    assert.deepEqual(await node.member.ls(), await fake.member.ls())
    assert.deepEqual(await node.member.show('c'), await fake.member.show('c'))
    assert.deepEqual(await node.member.tag({ a: 'b', c: null }), await fake.member.tag({ a: 'b' }))
    assert.deepEqual(await node.topology.show(), await fake.topology.show())
    assert.deepEqual(await node.topology.plan(), await fake.topology.plan())
    const to = { to: 'c' }
    assert.deepEqual(await node.topology.move(7, to), await fake.topology.move(7, to))
    assert.deepEqual(await node.member.remove('c'), await fake.member.remove('c'))
    assert.deepEqual(await node.ticket.create({ uses: 0, ttlMs: 5 }), await fake.ticket.create())
    assert.deepEqual(await node.ticket.revoke('x'), { revoked: false })
    assert.equal((await node.kv.put('k', 'v', { write: 'all' })).acks, 3)
    assert.equal((await node.kv.get('k'))?.value, 'v')
    assert.equal(await node.kv.get('none'), null)
    await node.kv.get('k', { maxAgeMs: 20 })
    assert.equal((fake.options.at(-1) as KvGetOptions).maxAgeMs, 20)
    assert.equal((await node.kv.ls('k')).entries.length, 1)
    assert.equal((await node.kv.del('k')).partial, true)
    await node.leave()
    assert.equal(fake.left, true)
  })

  it('brings every value back as what it was', async () => {
    const json = fc.jsonValue({ maxDepth: 5 })
    const value: fc.Arbitrary<Value> = fc.oneof(
      fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
      fc.uint8Array(),
      json as fc.Arbitrary<Value>,
      fc.record({ base64: json }) as fc.Arbitrary<Value>,
      fc.record({ base64text: json }) as fc.Arbitrary<Value>,
      fc.record({ json }) as fc.Arbitrary<Value>,
    )
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        await node.kv.put('k', given)
        // JSON has one zero.
        const plain =
          given instanceof Uint8Array ? given : (JSON.parse(JSON.stringify(given)) as Value)
        assert.deepEqual(rig.node.values.get('k'), plain)
        assert.deepEqual((await node.kv.get('k'))?.value, plain)
      }),
      { numRuns: 300 },
    )
  })

  it('passes errors on with code, outcome and hint', async () => {
    rig.node.failure = new AtollError('NO_QUORUM', 'few', { outcome: 'unknown', hint: 'wait' })
    await assert.rejects(node.kv.put('k', 'v'), {
      code: 'NO_QUORUM',
      message: 'few',
      outcome: 'unknown',
      hint: 'wait',
      retryable: true,
    })
  })

  it('ends a call at once when its signal aborts, and tells the daemon', async () => {
    rig.node.gate = new Promise<void>(() => undefined)
    const abort = new AbortController()
    const put = node.kv.put('k', 'v', { signal: abort.signal })
    await until(() => rig.node.calls === 1, 'begun')
    abort.abort()
    await assert.rejects(put, { code: 'CANCELLED', outcome: 'unknown' })
    await until(() => rig.node.signals[0]?.aborted === true, 'the daemon told')
    const early = node.kv.put('k', 'v', { signal: AbortSignal.abort() })
    await assert.rejects(early, { code: 'CANCELLED', outcome: 'not-applied' })
    assert.equal(rig.node.calls, 1)
  })

  it('says UNREACHABLE when the connection is lost: of a put unknown, of a get nothing', async () => {
    rig.node.gate = new Promise<void>(() => undefined)
    const put = node.kv.put('k', 'v')
    const get = node.kv.get('k')
    await until(() => rig.node.calls === 2, 'begun')
    const outcomes = Promise.allSettled([put, get])
    await rig.server.close(0)
    const found = (await outcomes).map((one) => (one as PromiseRejectedResult).reason as AtollError)
    assert.deepEqual(
      found.map(({ code, outcome }) => [code, outcome]),
      [
        ['UNREACHABLE', 'unknown'],
        ['UNREACHABLE', 'not-applied'],
      ],
    )
    await assert.rejects(node.status(), { code: 'UNREACHABLE' })
  })

  it('tells of a silent daemon the deadline that was given, not the grace beyond it', async () => {
    rig.node.gate = new Promise<void>(() => undefined)
    const client = await connectClient(rig.path)
    const options = { deadlineMs: 2000, patienceMs: 10 }
    const get = client.call(METHODS['kv.get'], { key: 'k' }, options)
    const message = `no answer from ${rig.path} in 2 s`
    await assert.rejects(get, { code: 'TIMEOUT', outcome: 'not-applied', message })
    await client.close()
  })

  it('watches until the signal aborts', async () => {
    const abort = new AbortController()
    const names: string[] = []
    for await (const { member } of node.member.watch({ signal: abort.signal })) {
      names.push(member.name)
      if (names.length === 3) abort.abort()
    }
    assert.deepEqual(
      names,
      MEMBERS.map(({ name }) => name),
    )
    await until(() => rig.node.signals.every((signal) => signal.aborted), 'the daemon told')
  })

  it('a watch whose signal aborts before it has begun ends, as one in the same process does', async () => {
    assert.deepEqual(await collect(node.member.watch({ signal: AbortSignal.abort() })), [])
    const abort = new AbortController()
    const watching = collect(node.kv.watch('', { signal: abort.signal }))
    abort.abort()
    assert.deepEqual(await watching, [])
  })

  it('a watch that breaks off is cancelled, one that the daemon ends throws', async () => {
    for await (const _change of node.member.watch()) break
    await until(() => rig.node.signals.every((signal) => signal.aborted), 'the daemon told')
    rig.node.failure = new AtollError('UNCLAIMED', 'no cluster yet')
    await assert.rejects(collect(node.member.watch()), { code: 'UNCLAIMED' })
  })

  it('a watch whose daemon stops in good order is none that has ended', async () => {
    const { kv } = rig.node
    const watch = kv.watch.bind(kv)
    kv.watch = async function* once(): AsyncGenerator<KvEvent, void> {
      yield { kind: 'begin', cursor: 'c1' }
    }
    const message = 'the watch ended: its daemon stops or has left'
    await assert.rejects(collect(node.kv.watch('')), { code: 'UNREACHABLE', message })
    kv.watch = watch
  })

  it('a watch ends with the connection', async () => {
    const watching = collect(node.member.watch())
    await until(() => rig.node.signals.length === 1, 'begun')
    const ended = assert.rejects(watching, { code: 'UNREACHABLE' })
    await node.close()
    await ended
  })

  it('closes twice, and is STOPPED then', async () => {
    await node.close()
    await node.close()
    await assert.rejects(node.status(), { code: 'STOPPED' })
  })

  it('says in one sentence that nobody listens', async () => {
    await assert.rejects(connect({ socket: '/nonexistent/atoll.sock' }), {
      code: 'UNREACHABLE',
      message: 'no daemon answers on /nonexistent/atoll.sock (there is no such socket)',
      hint:
        "start one with `atolld`, or name its socket: connect({ socket: '…' }); " +
        'those of a throw-away mesh: atoll context ls',
    })
    await assert.rejects(connect({ at: 'dev/b' } as object), {
      code: 'USAGE',
      message: 'connect: "at" is no option of it',
    })
    await assert.rejects(connect({ socket: `/tmp/${'x'.repeat(200)}` }), { code: 'CONFIG_INVALID' })
  })
})

describe('rpc client, with a stranger on the socket', () => {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-stranger-'))
  const path = join(dir, 's')
  let answer = Buffer.from('')
  let server: Server
  before(async () => {
    server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(answer))
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
  })
  after(() => {
    server.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('a result that does not fit is no result', async () => {
    answer = Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"key":"k"}}\n')
    await using node = await connect({ socket: path })
    await assert.rejects(node.kv.put('k', 'v'), { code: 'INTERNAL', outcome: 'unknown' })
  })

  it('any answer: an AtollError or a result that fits, never a crash or a hang', async () => {
    const reply = fc.record(
      {
        jsonrpc: fc.constant('2.0'),
        id: fc.constantFrom(1, 2, null, 'x'),
        result: fc.oneof(fc.object(), fc.constant(null), fc.string()),
        error: fc.oneof(fc.object(), fc.record({ code: fc.integer(), message: fc.string() })),
        method: fc.constantFrom('member.watch', 5),
        params: fc.oneof(
          fc.object(),
          fc.record({ subscription: fc.constant('s1'), events: fc.array(fc.anything()) }),
        ),
      },
      { requiredKeys: [] },
    )
    const bytes = fc.oneof(
      fc
        .array(reply)
        .map((all) => Buffer.from(`${all.map((r) => JSON.stringify(r)).join('\n')}\n`)),
      fc.uint8Array().map((raw) => Buffer.from(raw)),
    )
    await fc.assert(
      fc.asyncProperty(bytes, async (given) => {
        answer = given
        await using node = await connect({ socket: path })
        await node.kv.put('k', 'v').then(
          (written) => assert.equal(typeof written.context, 'string'),
          (error: unknown) => assert.ok(isAtollError(error), String(error)),
        )
      }),
      { numRuns: 200 },
    )
  })
})
