/** The socket as its users see it: calls, pipelining, batches, errors, half-closed clients. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import { Rig, turns, until } from './rig.ts'

describe('rpc server', () => {
  let rig: Rig
  beforeEach(async () => {
    rig = await Rig.open()
  })
  afterEach(() => rig.close())

  it('answers a call', async () => {
    const client = rig.raw()
    const put = await client.call('kv.put', { key: 'color', value: 'blue' })
    assert.deepEqual(put, {
      jsonrpc: '2.0',
      id: 1,
      result: {
        key: 'color',
        context: 'v1',
        acks: 3,
        replicas: 3,
        partial: false,
        siblingCount: 1,
      },
    })
    assert.equal((await client.call('kv.get', { key: 'color' })).result?.['value'], 'blue')
    assert.equal((await client.call('kv.get', { key: 'none' })).result, null)
  })

  it('takes a name of a call also where it is of no effect', async () => {
    const client = rig.raw()
    assert.equal((await client.call('reg.get', { key: 'none', opId: 'a' })).result, null)
    const { result } = await client.call('topology.show', { opId: 'b', deadlineMs: 1000 })
    assert.ok(result !== undefined)
  })

  it('takes no params as an empty object', async () => {
    const client = rig.raw()
    client.send({ jsonrpc: '2.0', id: 'x', method: 'status' })
    const reply = await client.next()
    assert.equal(reply.id, 'x')
    assert.equal(reply.result?.['name'], 'a')
  })

  it('answers pipelined calls in the order they end, not in which they came', async () => {
    const gate = Promise.withResolvers<void>()
    rig.node.gate = gate.promise
    const client = rig.raw()
    client.send({ jsonrpc: '2.0', id: 1, method: 'kv.get', params: { key: 'a' } })
    await until(() => rig.node.calls === 1, 'first call begun')
    rig.node.gate = null
    client.send({ jsonrpc: '2.0', id: 2, method: 'kv.get', params: { key: 'b' } })
    assert.equal((await client.next()).id, 2)
    gate.resolve()
    assert.equal((await client.next()).id, 1)
  })

  it('answers a batch by one array, without the notifications in it', async () => {
    const client = rig.raw()
    client.send([
      { jsonrpc: '2.0', id: 1, method: 'kv.put', params: { key: 'a', value: '1' } },
      { jsonrpc: '2.0', method: 'kv.put', params: { key: 'b', value: '2' } },
      { jsonrpc: '2.0', id: 3, method: 'no.such' },
      'nonsense',
    ])
    const replies = (await client.next()) as unknown as { id: unknown; error?: { code: number } }[]
    const seen = replies.map(({ id, error }) => [id, error?.code])
    assert.deepEqual(
      new Set(seen.map((pair) => JSON.stringify(pair))),
      new Set(['[1,null]', '[3,-32601]', '[null,-32600]']),
    )
    assert.equal(rig.node.values.get('b'), '2')
  })

  it('answers a batch of one by an array, and one of notifications not at all', async () => {
    const client = rig.raw()
    client.send(
      [{ jsonrpc: '2.0', method: 'kv.put', params: { key: 'a', value: '1' } }],
      [{ jsonrpc: '2.0', id: 1, method: 'kv.get', params: { key: 'a' } }],
    )
    const replies = (await client.next()) as unknown as { id: unknown }[]
    assert.deepEqual(
      replies.map(({ id }) => id),
      [1],
    )
    assert.equal(rig.node.values.get('a'), '1')
  })

  it('says what a failed call did, by code, number, outcome and hint', async () => {
    rig.node.failure = new AtollError('NO_QUORUM', '1 of 3 replicas answered', {
      outcome: 'unknown',
      hint: 'see: atoll explain k',
    })
    const reply = await rig.raw().call('kv.put', { key: 'k', value: 'v' })
    assert.deepEqual(reply.error, {
      code: 1005,
      message: '1 of 3 replicas answered',
      data: {
        code: 'NO_QUORUM',
        retryable: true,
        outcome: 'unknown',
        hint: 'see: atoll explain k',
      },
    })
  })

  it('calls a defect INTERNAL with unknown outcome, and logs it', async () => {
    rig.node.failure = new TypeError('boom') as unknown as AtollError
    const { error } = await rig.raw().call('kv.put', { key: 'k', value: 'v' })
    assert.equal(error?.data.code, 'INTERNAL')
    assert.equal(error.data.outcome, 'unknown')
    assert.deepEqual(rig.logged, ['rpc.defect'])
  })

  it('refuses wrong parameters by name', async () => {
    const client = rig.raw()
    const cases: readonly (readonly [string, object, RegExp])[] = [
      ['kv.put', { key: 'a' }, /"value" is missing/],
      ['kv.put', { value: 'a' }, /"key" is missing/],
      ['kv.put', { key: '', value: 'a' }, /"key" must not be empty/],
      ['kv.put', { key: 5, value: 'a' }, /"key" must be string, not 5/],
      ['kv.put', { key: 'a', value: 'b', ttl: 5 }, /"ttl" is no parameter of it/],
      ['kv.put', { key: 'a\ud800', value: 'b' }, /well-formed/],
      ['kv.put', { key: 'a', value: { base64: '!' } }, /not base64/],
      ['kv.put', { key: 'a', value: { base64text: '/w==' } }, /not text in UTF-8/],
      ['kv.put', { key: 'a', value: '\ud800' }, /lone surrogate/],
      ['kv.put', { key: 'a', value: 'b', type: 'set' }, /a set is given as a list/],
      ['kv.set.add', { key: 'a', elements: ['b', { base64: 5 }] }, /not base64/],
      ['reg.set', { key: 'a', value: { base64: '/w' } }, /not base64/],
      ['kv.get', { key: 'a', read: 'most' }, /"read" must be/],
      ['kv.get', { key: 'a', deadlineMs: 0 }, /"deadlineMs" must be at least 1/],
      ['kv.ls', { limit: 1e9 }, /"limit" must be at most/],
      ['member.ls', ['positional'], /must be an object/],
      ['member.tag', { tags: { ['__proto__']: 'x' } }, /__proto__/],
      ['ticket.create', { uses: 1.5 }, /"uses" must be a whole number/],
    ]
    for (const [method, params, message] of cases) {
      const { error } = await client.call(method, params)
      assert.match(error?.message ?? '', message)
      assert.equal(error?.data.code, 'USAGE')
      assert.equal(error.code, -32602, String(message))
      assert.equal(error.data.outcome, 'not-applied')
      if (message.source === 'not base64') assert.match(error.data.hint ?? '', /bytes are/)
    }
    assert.equal(rig.node.calls, 0)
    assert.equal((await client.call('status')).result?.['name'], 'a')
  })

  it('still answers a client that ended its own side', async () => {
    const gate = Promise.withResolvers<void>()
    rig.node.gate = gate.promise
    const client = rig.raw()
    client.send({ jsonrpc: '2.0', id: 1, method: 'kv.get', params: { key: 'a' } })
    client.socket.end()
    await until(() => rig.node.calls === 1, 'call begun')
    await turns()
    gate.resolve()
    assert.deepEqual(await client.next(), { jsonrpc: '2.0', id: 1, result: null })
    await client.whenClosed()
  })

  it('takes a last line without its line feed from a client that writes no more', async () => {
    const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'kv.get', params: { key: 'a' } })
    for (const before of ['', `${call}\n`]) {
      const client = rig.raw()
      client.socket.end(before + call)
      if (before !== '') assert.equal((await client.next()).id, 1)
      assert.deepEqual(await client.next(), { jsonrpc: '2.0', id: 1, result: null })
      await client.whenClosed()
    }
    const calls = rig.node.calls
    const cut = rig.raw()
    cut.socket.end(call.slice(0, -1))
    assert.equal((await cut.next()).error?.message, 'the line is not JSON')
    await cut.whenClosed()
    assert.equal(rig.node.calls, calls, 'what was cut off is not done')
  })

  it('describes itself', async () => {
    const { result } = await rig.raw().call('rpc.discover')
    const methods = result?.['methods'] as { name: string; params: { name: string }[] }[]
    const put = methods.find(({ name }) => name === 'kv.put')
    const params = put?.params.map(({ name }) => name)
    assert.deepEqual(params, ['key', 'value', 'ttlMs', 'type', 'write', 'context', 'deadlineMs'])
  })

  it('stops: answers what is under way, then closes', async () => {
    const gate = Promise.withResolvers<void>()
    rig.node.gate = gate.promise
    const client = rig.raw()
    client.send({ jsonrpc: '2.0', id: 1, method: 'kv.get', params: { key: 'a' } })
    await until(() => rig.node.calls === 1, 'call begun')
    const closed = rig.server.close(5000)
    gate.resolve()
    assert.equal((await client.next()).id, 1)
    await closed
    await client.whenClosed()
  })

  it('stops in spite of a call that does not end', async () => {
    rig.node.gate = new Promise<void>(() => undefined)
    const client = rig.raw()
    client.send({ jsonrpc: '2.0', id: 1, method: 'kv.get', params: { key: 'a' } })
    await until(() => rig.node.calls === 1, 'call begun')
    await rig.server.close(10)
    await client.whenClosed()
  })
})
