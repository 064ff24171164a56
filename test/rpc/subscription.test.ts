/** Subscriptions and cancellation: order, gaps that are told, and nothing left behind. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import type { KvEvent, MemberChange } from '../../src/node/api.ts'
import { METHODS } from '../../src/rpc/methods.ts'
import { MEMBERS } from './fake-node.ts'
import { type Message, Rig, turns, until } from './rig.ts'

const change: MemberChange = { kind: 'alive', member: MEMBERS[0] as (typeof MEMBERS)[0] }

/** An endless source that is fed by hand. */
class Feed implements AsyncIterable<MemberChange> {
  #wake = Promise.withResolvers<void>()
  #events: MemberChange[] = []
  #over = false

  push(count: number): void {
    for (let i = 0; i < count; i++) this.#events.push(change)
    this.#wake.resolve()
  }

  end(): void {
    this.#over = true
    this.#wake.resolve()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<MemberChange, void, undefined> {
    for (;;) {
      const events = this.#events
      this.#events = []
      yield* events
      if (this.#over) return
      if (this.#events.length > 0) continue
      this.#wake = Promise.withResolvers<void>()
      await this.#wake.promise
    }
  }
}

function eventsOf(message: Message): unknown[] {
  return message.params?.['events'] as unknown[]
}

/** The count of what was taken has begun, and does not grow from one look to the next. */
async function standsStill(taken: () => number): Promise<void> {
  let before = -1
  await until(() => {
    const isStill = before === taken()
    before = taken()
    return isStill && before > 0
  }, 'the watch stands still')
}

describe('rpc subscriptions', () => {
  let rig: Rig
  beforeEach(async () => {
    rig = await Rig.open()
  })
  afterEach(() => rig.close())

  it('reply first, then events with seq and cursor', async () => {
    const client = rig.raw()
    const reply = await client.call('member.watch')
    assert.deepEqual(reply.result, { subscription: 's1', cursor: '0' })
    const first = await client.next()
    assert.equal(first.method, 'member.watch')
    assert.equal(first.params?.['subscription'], 's1')
    assert.equal(first.params['seq'], 1)
    assert.equal(first.params['cursor'], '3')
    assert.equal(eventsOf(first).length, 3)
  })

  it('ends with the source, and says so', async () => {
    const feed = new Feed()
    rig.node.changes = feed
    const client = rig.raw()
    await client.call('member.watch')
    await client.next()
    client.send({
      jsonrpc: '2.0',
      id: 2,
      method: '$/cancelRequest',
      params: { subscription: 's1' },
    })
    feed.end()
    const messages = [await client.next(), await client.next()]
    assert.ok(messages.some(({ params }) => params?.['ended'] === true))
  })

  it('takes what stands for all before it one at a time: a slow reader finds the newest, and no gap', async () => {
    await rig.close()
    rig = await Rig.open({ eventsMax: 50, writeBytesSoft: 1000 })
    const value = 'x'.repeat(100_000)
    let taken = 0
    let isOver = false
    rig.node.reg.watch = async function* (key) {
      while (!isOver) {
        // As a register's watch does, it gives what is newest when it is asked.
        await new Promise<void>((resolve) => void setImmediate(resolve))
        yield { kind: 'value', key, value, version: `v${++taken}` }
      }
    }
    const client = rig.raw()
    await client.call('reg.watch', { key: 'k' })
    client.socket.pause()
    // It ends where the kernel's buffers are full, not where nobody has room any more.
    await standsStill(() => taken)
    assert.ok(taken < 100, `${taken} taken`)
    client.socket.resume()
    isOver = true
    let last: unknown
    for (let seq = 1; ; seq++) {
      const { params } = await client.next()
      assert.deepEqual([params?.['seq'], params?.['gap']], [seq, undefined])
      if (params?.['ended'] === true) break
      const [event, ...more] = (params?.['events'] ?? []) as { version: string }[]
      assert.equal(more.length, 0)
      last = event?.version
    }
    assert.equal(last, `v${taken}`)
  })

  it('that waits for its reader ends when that one goes', async () => {
    const value = 'x'.repeat(100_000)
    let taken = 0
    let isOver = false
    rig.node.reg.watch = async function* (key) {
      try {
        for (;;) yield { kind: 'value', key, value, version: `v${++taken}` }
      } finally {
        isOver = true
      }
    }
    const client = rig.raw()
    await client.call('reg.watch', { key: 'k' })
    client.socket.pause()
    await standsStill(() => taken)
    client.socket.destroy()
    await until(() => isOver, 'the watch ends')
  })

  it('a client that is slow finds the newest of what stands for all before it', async () => {
    const versions = Array.from({ length: 2000 }, (_, i) => `v${i}`)
    rig.node.reg.watch = async function* (key) {
      for (const version of versions) yield { kind: 'absent', key, version }
      await new Promise(() => undefined)
    }
    const node = await rig.connect()
    const seen: string[] = []
    for await (const { version } of node.reg.watch('k')) {
      seen.push(version)
      if (version === versions.at(-1)) break
      if (seen.length === 1) await turns(200)
    }
    assert.ok(seen.length >= 2 && seen.length < versions.length, `${seen.length} seen`)
    await node.close()
  })

  it('drops what a slow reader cannot take, tells how much, and goes on in order', async () => {
    await rig.close()
    rig = await Rig.open({ eventsMax: 50, writeBytesSoft: 1000 })
    const feed = new Feed()
    rig.node.changes = feed
    rig.node.values.set('big', 'x'.repeat(4_000_000))
    const client = rig.raw()
    await client.call('member.watch')
    await client.next()
    client.socket.pause()
    client.send({ jsonrpc: '2.0', id: 2, method: 'kv.get', params: { key: 'big' } })
    await until(() => rig.node.calls === 1, 'the big reply under way')
    const total = 500
    for (let i = 0; i < total / 10; i++) {
      feed.push(10)
      await new Promise<void>((resolve) => void setImmediate(resolve))
    }
    client.socket.resume()
    let seen = 0
    let missed = 0
    let seq = 1
    while (seen + missed < total) {
      const { id, params } = await client.next()
      if (id !== undefined) continue
      assert.equal(params?.['seq'], ++seq)
      const gap = params['gap'] as { missed: number } | undefined
      missed += gap?.missed ?? 0
      seen += (params['events'] as unknown[]).length
      assert.equal(params['cursor'], String(3 + seen + missed))
    }
    assert.ok(missed > 0, 'nothing was missed: the test proves nothing')
    assert.equal(seen + missed, total)
  })

  it('that cannot begin end with the reason, and the connection goes on', async () => {
    // As the node's own do before it belongs to a cluster: they throw before there is an iteration.
    const refuse = (): never => {
      throw new AtollError('UNCLAIMED', 'no cluster yet')
    }
    rig.node.member.watch = refuse
    rig.node.kv.watch = refuse
    rig.node.reg.watch = refuse
    const client = rig.raw()
    const watches = Object.values(METHODS).filter(({ kind }) => kind === 'watch')
    assert.equal(watches.length, 3)
    for (const { name } of watches) {
      const reply = await client.call(name, name === 'reg.watch' ? { key: 'k' } : {})
      assert.equal(reply.error, undefined, name)
      const { params } = await client.next()
      assert.equal(params?.['ended'], true, name)
      assert.equal((params['error'] as Message['error'])?.data.code, 'UNCLAIMED', name)
    }
    assert.equal((await client.call('status')).error, undefined)
    await until(() => rig.server.subscriptions === 0, 'no subscription left')
  })

  it('are bounded per connection', async () => {
    await rig.close()
    rig = await Rig.open({ subscriptionsMax: 2 })
    const client = rig.raw()
    client.send(
      ...[1, 2, 3].map((id) => ({ jsonrpc: '2.0', id, method: 'member.watch', params: {} })),
    )
    for (;;) {
      const { id, error } = await client.next()
      if (id !== 3) continue
      assert.equal(error?.data.code, 'BUSY')
      return
    }
  })

  it('a client that is gone without a sign is noticed while its call runs', async () => {
    rig.node.gate = new Promise<void>(() => undefined)
    const client = rig.raw()
    client.send({ jsonrpc: '2.0', id: 2, method: 'kv.get', params: { key: 'k' } })
    await until(() => rig.node.signals.length === 1, 'begun')
    client.socket.destroy()
    await until(() => rig.node.signals[0]?.aborted === true, 'cancelled')
  })

  it('end with the connection, and so do its calls', async () => {
    rig.node.gate = new Promise<void>(() => undefined)
    const client = rig.raw()
    client.send(
      { jsonrpc: '2.0', id: 1, method: 'member.watch' },
      { jsonrpc: '2.0', id: 2, method: 'kv.get', params: { key: 'k' } },
    )
    await until(() => rig.node.signals.length === 2, 'both begun')
    assert.ok(rig.node.signals.every((signal) => !signal.aborted))
    client.socket.destroy()
    await until(() => rig.node.signals.every((signal) => signal.aborted), 'both cancelled')
    await until(() => rig.server.connections === 0, 'the connection gone')
  })
})

describe('rpc cancellation', () => {
  let rig: Rig
  beforeEach(async () => {
    rig = await Rig.open()
    rig.node.gate = new Promise<void>(() => undefined)
  })
  afterEach(() => rig.close())

  it('ends the call, which is answered with CANCELLED and an unknown outcome', async () => {
    const client = rig.raw()
    client.send({ jsonrpc: '2.0', id: 5, method: 'kv.put', params: { key: 'k', value: 'v' } })
    await until(() => rig.node.calls === 1, 'begun')
    client.send({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 5 } })
    const { id, error } = await client.next()
    assert.equal(id, 5)
    assert.deepEqual([error?.data.code, error?.data.outcome], ['CANCELLED', 'unknown'])
  })

  it('of what is over, or never was, is no error', async () => {
    const client = rig.raw()
    const reply = await client.call('$/cancelRequest', { id: 77 }, 1)
    assert.equal(reply.result, null)
    assert.equal((await client.call('$/cancelRequest', {}, 2)).error?.code, -32602)
  })

  it('answers a call that its node does not end in time', async () => {
    await rig.close()
    rig = await Rig.open({ deadlineGraceMs: 1 })
    rig.node.gate = new Promise<void>(() => undefined)
    rig.node.deaf = true
    const reply = await rig.raw().call('kv.put', { key: 'k', value: 'v', deadlineMs: 10 })
    assert.deepEqual([reply.error?.data.code, reply.error?.data.outcome], ['TIMEOUT', 'unknown'])
    assert.equal(rig.node.options[0]?.deadlineMs, 10)
    assert.equal(rig.node.signals[0]?.aborted, true)
  })
})

describe('kv.watch over the socket', () => {
  const put = (i: number, value = 'v'): KvEvent => {
    const [context, cursor] = [`v${i}`, `c${i}`]
    return { kind: 'put', key: `k${i}`, value, context, others: [], cursor }
  }
  let rig: Rig
  beforeEach(async () => {
    rig = await Rig.open({ eventsMax: 50, writeBytesSoft: 1000 })
  })
  afterEach(() => rig.close())

  it('gives values as they were put, and a cursor of any length goes back', async () => {
    const bytes = new Uint8Array([1, 2])
    const [first, second]: KvEvent[] = [
      {
        kind: 'merge',
        key: 'k',
        value: bytes,
        context: 'v',
        others: [{ base64: 'x' }],
        cursor: 'c',
      },
      { kind: 'expire', key: 'k', context: 'v', cursor: 'c' },
    ]
    rig.node.kvChanges = [first, second] as KvEvent[]
    const node = await rig.connect()
    const seen: KvEvent[] = []
    const after = 'x'.repeat(5000)
    for await (const event of node.kv.watch('', { after })) if (seen.push(event) === 2) break
    assert.deepEqual(seen, [first, second])
    assert.equal((rig.node.options.at(-1) as { after?: string }).after, after)
    await node.close()
  })

  it('takes no more than there is room for: the source keeps the rest, and nothing is lost', async () => {
    const value = 'x'.repeat(10_000)
    let taken = 0
    rig.node.kvChanges = (async function* () {
      while (taken < 2000) {
        yield put(taken++, value)
        if (taken % 10 === 0) await new Promise<void>((resolve) => void setImmediate(resolve))
      }
    })()
    const client = rig.raw()
    await client.call('kv.watch', {})
    client.socket.pause()
    await standsStill(() => taken)
    assert.ok(taken < 1000, `${taken} taken`)
    client.socket.resume()
    let seen = 0
    while (seen < 2000) {
      const { params } = await client.next()
      assert.equal(params?.['gap'], undefined)
      for (const { key } of (params?.['events'] ?? []) as { key: string }[]) {
        assert.equal(key, `k${seen++}`)
      }
    }
  })

  it('tells what is too long for one line in several', async () => {
    await rig.close()
    rig = await Rig.open()
    const value = 'x'.repeat(1_000_000)
    rig.node.kvChanges = Array.from({ length: 20 }, (_, i) => put(i, value))
    const client = rig.raw()
    await client.call('kv.watch', {})
    let seen = 0
    for (let seq = 1; seen < 20; seq++) {
      const message = await client.next()
      const events = eventsOf(message)
      seen += events.length
      const { seq: number, cursor } = message.params ?? {}
      assert.deepEqual([number, cursor], [seq, String(seen)])
      assert.ok(events.length <= 4)
    }
  })

  it('a client that is slow finds a gap in the place of what it missed, and where to go on', async () => {
    await rig.close()
    rig = await Rig.open()
    rig.node.kvChanges = Array.from({ length: 12_000 }, (_, i) => put(i))
    const node = await rig.connect()
    const seen: KvEvent[] = []
    for await (const event of node.kv.watch('')) {
      seen.push(event)
      if (seen.length === 1) await turns(3000)
      if (event.cursor === 'c11999') break
    }
    const gap = seen.findIndex(({ kind }) => kind === 'gap')
    assert.ok(gap > 0, 'nothing was missed: the test proves nothing')
    const [before, at, after] = [seen[gap - 1], seen[gap], seen[gap + 1]]
    assert.ok(at?.kind === 'gap' && at.reason === 'slow')
    const number = (event: KvEvent | undefined): number => Number(event?.cursor.slice(1))
    assert.ok(number(at) - number(before) > 1000)
    if (after !== undefined) assert.equal(number(after), number(at) + 1)
    await node.close()
  })
})
