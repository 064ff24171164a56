/** Hostile and clumsy clients: each limit is reached, refused with its name, and survived. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isAtollError } from '../../src/base/errors.ts'
import { RpcCounts } from '../../src/rpc/counts.ts'
import { REPLY_BYTES_MAX, RPC_LIMITS } from '../../src/rpc/limits.ts'
import { Reply } from '../../src/rpc/message.ts'
import { type RawClient, Rig, turns, until } from './rig.ts'

describe('rpc limits', () => {
  let rig: Rig
  afterEach(() => rig.close())

  /** The daemon goes on: another client is served. */
  async function stillServes(): Promise<void> {
    const { result } = await rig.raw().call('status')
    assert.equal(result?.['name'], 'a')
  }

  async function refusal(client: RawClient, text: string): Promise<[number, string]> {
    client.socket.write(text)
    const { id, error } = await client.next()
    assert.equal(id, null)
    return [error?.code ?? 0, error?.message ?? '']
  }

  it('a line over 4 MiB: an error, then the end, while it is still being read', async () => {
    rig = await Rig.open()
    const client = rig.raw()
    // Never ends its line.
    client.socket.write(Buffer.alloc(RPC_LIMITS.lineBytesMax + 1, 0x61))
    const { error } = await client.next()
    assert.equal(error?.data.code, 'TOO_LARGE')
    assert.match(error.message, /4194304 bytes/)
    await client.whenClosed()
    await stillServes()
  })

  it('a line of exactly the limit is read', async () => {
    rig = await Rig.open({ lineBytesMax: 200 })
    const client = rig.raw()
    const line = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'status' })
    client.socket.write(`${line.padEnd(200)}\n`)
    assert.equal((await client.next()).id, 1)
    client.socket.write(`${line.padEnd(201)}\n`)
    assert.equal((await client.next()).error?.data.code, 'TOO_LARGE')
    await client.whenClosed()
  })

  it('garbage: refused, the connection goes on', async () => {
    rig = await Rig.open()
    const client = rig.raw()
    assert.deepEqual(await refusal(client, 'garbage\n'), [-32700, 'the line is not JSON'])
    assert.equal((await refusal(client, '{"jsonrpc":"2.0","id":1\n'))[0], -32700)
    assert.equal((await refusal(client, '5\n'))[0], -32600)
    assert.equal((await refusal(client, 'null\n'))[0], -32600)
    assert.equal(
      (await refusal(client, '{"id":{},"jsonrpc":"2.0","method":"status"}\n'))[0],
      -32600,
    )
    assert.equal((await refusal(client, '[]\n'))[0], -32600)
    client.socket.write(Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a]))
    assert.equal((await client.next()).error?.message, 'the line is not UTF-8')
    client.send({ jsonrpc: '1.0', id: 9, method: 'status' })
    const old = await client.next()
    assert.deepEqual([old.id, old.error?.code], [9, -32600])
    client.socket.write('\n\r\n')
    assert.equal((await client.call('status')).id, 1)
  })

  it('bombs: deep and wide JSON is refused before it is parsed', async () => {
    rig = await Rig.open()
    const client = rig.raw()
    const deep = `${'['.repeat(1_000_000)}\n`
    const wide = `[${'{},'.repeat(1_000_000)}{}]\n`
    const started = performance.now()
    assert.match((await refusal(client, deep))[1], /over 37 levels/)
    assert.match((await refusal(client, wide))[1], /over 100100 elements/)
    assert.match((await refusal(client, `[${'0,'.repeat(200_000)}0]\n`))[1], /100100 elements/)
    assert.ok(performance.now() - started < 2000)
    const at32 = `${'['.repeat(32)}${']'.repeat(32)}`
    client.socket.write(
      `{"jsonrpc":"2.0","id":1,"method":"kv.put","params":{"key":"k","value":${at32}}}\n`,
    )
    assert.equal((await client.next()).error, undefined)
    // Within the bounds of a line, but no other node could be told it wrapped.
    const deeper = { key: 'k', value: JSON.parse(`[${at32}]`) as unknown }
    const { id, error } = await client.call('kv.put', deeper, 2)
    assert.deepEqual([id, error?.data.code, error?.data.outcome], [2, 'TOO_LARGE', 'not-applied'])
  })

  it('strings full of brackets are no depth', async () => {
    rig = await Rig.open()
    const value = '[{\\"'.repeat(1000)
    const { error } = await rig.raw().call('kv.put', { key: 'k', value })
    assert.equal(error, undefined)
    assert.equal(rig.node.values.get('k'), value)
  })

  it('a prototype in the JSON changes no prototype', async () => {
    rig = await Rig.open()
    const client = rig.raw()
    const lines = [
      '{"jsonrpc":"2.0","id":1,"method":"kv.put","params":{"key":"k","value":"v","__proto__":{"x":1}}}',
      '{"jsonrpc":"2.0","id":2,"__proto__":{"method":"status"},"method":"member.tag","params":{"tags":{"__proto__":"x"}}}',
      '{"jsonrpc":"2.0","id":3,"method":"constructor"}',
      '{"jsonrpc":"2.0","id":4,"method":"__proto__"}',
    ]
    client.socket.write(`${lines.join('\n')}\n`)
    const codes = [1, 2, 3, 4].map(async () => (await client.next()).error?.code)
    assert.deepEqual(new Set(await Promise.all(codes)), new Set([-32602, -32601]))
    assert.equal(rig.node.calls, 0)
    assert.equal(({} as Record<string, unknown>)['x'], undefined)
  })

  it('a batch over 100 is refused whole', async () => {
    rig = await Rig.open()
    const client = rig.raw()
    const one = { jsonrpc: '2.0', method: 'kv.put', params: { key: 'k', value: 'v' } }
    client.send(Array.from({ length: 101 }, () => one))
    assert.equal((await client.next()).error?.code, -32600)
    assert.equal(rig.node.calls, 0)
    client.send(Array.from({ length: 100 }, (_, id) => ({ ...one, id })))
    assert.equal(((await client.next()) as unknown as unknown[]).length, 100)
  })

  it('too many calls under way: reads no further until one ends, and loses none', async () => {
    rig = await Rig.open({ inFlightMax: 10 })
    const gate = Promise.withResolvers<void>()
    rig.node.gate = gate.promise
    const client = rig.raw()
    const count = 5000
    client.send(
      ...Array.from({ length: count }, (_, id) => {
        return { jsonrpc: '2.0', id, method: 'kv.get', params: { key: 'k' } }
      }),
    )
    await until(() => rig.node.calls === 10, 'ten calls begun')
    await turns()
    assert.equal(rig.node.calls, 10)
    gate.resolve()
    const ids = new Set<unknown>()
    while (ids.size < count) ids.add((await client.next()).id)
    assert.equal(rig.node.calls, count)
  })

  const bigGets = (count: number) =>
    Array.from({ length: count }, (_, id) => {
      return { jsonrpc: '2.0', id, method: 'kv.get', params: { key: 'big' } }
    })

  it('a client that does not read its replies: nothing new is begun for it until it does', async () => {
    rig = await Rig.open({ writeBytesSoft: 10_000, inFlightMax: 10 })
    rig.node.values.set('big', 'x'.repeat(100_000))
    const client = rig.raw()
    client.socket.pause()
    const count = 200
    client.send(...bigGets(count))
    await until(() => rig.node.calls >= 10, 'first calls begun')
    await turns(200)
    const begun = rig.node.calls
    assert.ok(begun < count, `${begun} calls were begun`)
    client.socket.resume()
    const ids = new Set<unknown>()
    while (ids.size < count) ids.add((await client.next()).id)
  })

  it('a client that lets too many replies pile up is given up', async () => {
    rig = await Rig.open({ writeBytesMax: 1_000_000 })
    rig.node.values.set('big', 'x'.repeat(100_000))
    const gate = Promise.withResolvers<void>()
    rig.node.gate = gate.promise
    const client = rig.raw()
    client.socket.pause()
    client.send(...bigGets(100))
    await until(() => rig.node.calls === 100, 'all calls begun')
    gate.resolve()
    await until(() => rig.logged.includes('rpc.client-does-not-read'), 'given up')
    assert.equal(rig.server.connections, 0)
    await stillServes()
  })

  it('an id of a call under way may not be used again', async () => {
    rig = await Rig.open()
    const gate = Promise.withResolvers<void>()
    rig.node.gate = gate.promise
    const client = rig.raw()
    const one = { jsonrpc: '2.0', id: 7, method: 'kv.get', params: { key: 'k' } }
    client.send(one, one)
    assert.match((await client.next()).error?.message ?? '', /has this id/)
    gate.resolve()
    assert.equal((await client.next()).result, null)
    client.send(one)
    assert.equal((await client.next()).result, null)
  })

  it('more connections than allowed are turned away with a reason', async () => {
    rig = await Rig.open({ connectionsMax: 2 })
    const first = rig.raw()
    const second = rig.raw()
    await first.call('status')
    await second.call('status')
    const third = rig.raw()
    assert.equal((await third.next()).error?.data.code, 'BUSY')
    await third.whenClosed()
    // Said to programs as it is: nothing was read of what they asked for.
    const fourth = await rig.connect()
    await assert.rejects(fourth.kv.put('k', 'v'), (error) => {
      return isAtollError(error, 'BUSY') && error.outcome === 'not-applied'
    })
    first.socket.destroy()
    await until(() => rig.server.connections === 1, 'the first connection gone')
    await stillServes()
  })

  it('a reply over 32 MiB is refused, counted in bytes', () => {
    const euros = '€'.repeat(REPLY_BYTES_MAX / 3)
    const told: (string | null)[] = []
    const sink = { reply: (text: string | null) => void told.push(text) }
    for (const result of [euros, euros.slice(0, -100)]) {
      new Reply(sink, 1, new RpcCounts()).result(result)
    }
    assert.match(told[0] ?? '', /TOO_LARGE/)
    assert.ok(told[1]?.endsWith('€"}'))
  })

  it('any bytes: never a crash, always JSON back, and the next client is served', async () => {
    rig = await Rig.open({ lineBytesMax: 2000, elementsMax: 100 })
    const request = fc.record(
      {
        jsonrpc: fc.constantFrom('2.0', '1.0', 2),
        id: fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.object()),
        method: fc.constantFrom(
          'kv.put',
          'kv.get',
          'member.ls',
          '$/cancelRequest',
          '__proto__',
          '',
        ),
        params: fc.oneof(fc.object(), fc.array(fc.anything()), fc.constant(null), fc.string()),
      },
      { requiredKeys: [] },
    )
    const line = fc.oneof(
      fc.json(),
      request.map((value) => JSON.stringify(value)),
      fc.array(request, { maxLength: 5 }).map((value) => JSON.stringify(value)),
      fc.string({ unit: 'binary' }),
    )
    const bytes = fc.oneof(
      fc.array(line).map((lines) => Buffer.from(`${lines.join('\n')}\n`)),
      fc.uint8Array({ maxLength: 500 }).map((raw) => Buffer.from(raw)),
    )
    await fc.assert(
      fc.asyncProperty(bytes, async (input) => {
        const client = rig.raw()
        client.socket.end(input)
        await client.whenClosed()
        for (const reply of client.lines) JSON.parse(reply)
      }),
      { numRuns: 300 },
    )
    assert.deepEqual(rig.logged, [])
    await stillServes()
  })
})
