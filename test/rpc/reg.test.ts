/** Registers over the socket: what goes in comes out, and conditions are told as they were met. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import type { ConnectedNode } from '../../src/client.ts'
import type { RegCallOptions, RegEvent, RegRead, Value } from '../../src/node/api.ts'
import { updateRegister } from '../../src/paxos/update.ts'
import { PROTOCOL } from '../../src/rpc/protocol.ts'
import { Rig } from './rig.ts'

const VALUES: readonly Value[] = [
  'text',
  Uint8Array.of(0, 255),
  { a: [1, null] },
  { base64: 'no bytes' },
  5,
  null,
]

describe('registers over the socket', () => {
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

  it('every kind of value comes back from get, ls, update and watch', async () => {
    for (const value of VALUES) {
      const { version } = await node.reg.set('k', value)
      const whole: RegRead = { key: 'k', value, version }
      assert.deepEqual(await node.reg.get('k'), whole)
      assert.deepEqual((await node.reg.ls('')).entries, [whole])
      for await (const event of node.reg.watch('k')) {
        assert.deepEqual(event, { kind: 'value', ...whole })
        break
      }
      const kept = await node.reg.update('k', (before) => {
        assert.deepEqual(before, value)
        return undefined
      })
      assert.deepEqual(kept, whole)
    }
  })

  it('watch goes on from a version, and ends with its signal', async () => {
    const { version } = await rig.node.reg.set('k', 'v')
    const changes = [{ kind: 'absent', key: 'k', version: 'v2' }] as const
    rig.node.reg.changes = changes
    const abort = new AbortController()
    const seen: RegEvent[] = []
    for await (const event of node.reg.watch('k', { after: version, signal: abort.signal })) {
      seen.push(event)
      abort.abort()
    }
    assert.deepEqual(seen, changes)
  })

  it('a watch that cannot begin ends with the reason', async () => {
    rig.node.failure = new AtollError('UNCLAIMED', 'no cluster yet')
    const first = node.reg.watch('k')[Symbol.asyncIterator]().next()
    await assert.rejects(first, { code: 'UNCLAIMED' })
    // Also where it fails before there is anything to wait for.
    rig.node.reg.watch = () => {
      throw new AtollError('BUSY', 'too many watches')
    }
    const second = node.reg.watch('k')[Symbol.asyncIterator]().next()
    await assert.rejects(second, { code: 'BUSY' })
  })

  it('the daemon itself refuses a value over the limit of a register', async () => {
    const raw = rig.raw()
    for (const [method, more] of [
      ['reg.set', {}],
      ['reg.cas', { ifAbsent: true }],
    ] as const) {
      const whole = 'x'.repeat(256 * 1024)
      assert.equal(
        (await raw.call(method, { key: method, value: whole, ...more })).error,
        undefined,
      )
      const { error } = await raw.call(method, { key: 'k', value: `${whole}x`, ...more })
      assert.equal(error?.data.code, 'TOO_LARGE')
      assert.match(error?.message ?? '', /the limit is 262144/)
    }
  })

  it('a lost condition has its version beside the code', async () => {
    await rig.node.reg.set('k', 'v')
    const raw = rig.raw()
    const lost = await raw.call('reg.cas', { key: 'k', value: 'w', ifVersion: 'v0' })
    const data = { code: 'CONFLICT', retryable: false, outcome: 'not-applied', version: 'v1' }
    assert.deepEqual(lost.error, { code: 1004, message: 'current version is v1', data })
    for (const field of Object.keys(data)) assert.ok(field in PROTOCOL.errors.data, field)
    const none = await raw.call('reg.del', { key: 'none', ifVersion: 'v0' })
    assert.equal(none.error?.data.version, '')
    const wrong = await raw.call('reg.set', { key: 'k' })
    assert.equal('version' in (wrong.error?.data ?? {}), false)
  })

  it('cas without a condition is refused, and changes nothing', async () => {
    const refused = { code: 'USAGE', outcome: 'not-applied' }
    await assert.rejects(node.reg.cas('k', 'v', {}), refused)
    await assert.rejects(node.reg.cas('k', 'v', { ifAbsent: false }), refused)
    assert.equal(await node.reg.get('k'), null)
  })

  it('optional parameters arrive as options, absent ones not at all', async () => {
    const options = { opId: 'x', since: 'v0', deadlineMs: 1234 }
    await node.reg.set('k', 'v', { ...options, ifAbsent: true })
    await node.reg.cas('k', 'w', { ifVersion: 'v1' })
    await node.reg.incr('n', -3, options)
    await node.reg.del('k')
    const given = rig.node.options.map(({ signal: _signal, ...rest }) => rest)
    assert.deepEqual(given, [{ ...options, ifAbsent: true }, { ifVersion: 'v1' }, options, {}])
    assert.deepEqual((await node.reg.get('n'))?.value, -3)
    assert.equal((await node.reg.incr('n')).value, -2)
  })

  it('update runs here, and again when somebody was faster', async () => {
    await rig.node.reg.set('n', 1)
    let runs = 0
    const after = await node.reg.update('n', async (value) => {
      if (++runs <= 2) await rig.node.reg.incr('n', 10)
      return (value as number) + 1
    })
    assert.deepEqual([runs, after?.value], [3, 22])
    assert.deepEqual(await node.reg.get('n'), after)
    const made = await node.reg.update('new', (value) => (value === null ? 'first' : undefined))
    assert.equal(made?.value, 'first')
  })
})

describe('the loop of update', () => {
  /** A register that takes time, by a clock that only it moves. */
  function slow(tookMs: number, lost: () => boolean) {
    const given: number[] = []
    let nowMs = 1000
    const step = ({ deadlineMs = 0 }: RegCallOptions = {}) => {
      if (given.push(deadlineMs) > 50) throw new Error('it goes on and on')
      nowMs += tookMs
    }
    const reg = {
      get: async (key: string, options?: RegCallOptions): Promise<RegRead> => {
        step(options)
        return { key, value: 'v', version: 'v1' }
      },
      set: async (key: string, _value: Value, options?: RegCallOptions) => {
        step(options)
        if (lost()) throw new AtollError('CONFLICT', 'current version is v2', { version: 'v2' })
        return { key, version: 'v3' }
      },
    }
    return { reg, given, now: () => nowMs, pass: (ms: number) => (nowMs += ms) }
  }

  it('gives each step what is left of the time, in whole milliseconds', async () => {
    const { reg, given, now } = slow(100.5, () => given.length < 4)
    await updateRegister(reg, now, 'k', () => 'w', { deadlineMs: 1000 })
    assert.deepEqual(given, [1000, 900, 799, 699])
  })

  it('ends when its time is over, and then nothing was changed', async () => {
    const { reg, given, now } = slow(300, () => true)
    const late = { code: 'TIMEOUT', outcome: 'not-applied', message: /not updated in 1000 ms/ }
    await assert.rejects(
      updateRegister(reg, now, 'k', () => 'w', { deadlineMs: 1000 }),
      late,
    )
    assert.equal(given.length, 4)
    const other = slow(10, () => false)
    const dawdle = () => {
      other.pass(2000)
      return 'w'
    }
    await assert.rejects(updateRegister(other.reg, other.now, 'k', dawdle), {
      ...late,
      message: /2000 ms/,
    })
    assert.equal(other.given.length, 1)
  })

  it('passes on what is no lost condition', async () => {
    const { reg, now } = slow(1, () => {
      throw new AtollError('NO_QUORUM', 'alone', { outcome: 'unknown' })
    })
    await assert.rejects(
      updateRegister(reg, now, 'k', () => 'w'),
      { code: 'NO_QUORUM', outcome: 'unknown' },
    )
  })
})
