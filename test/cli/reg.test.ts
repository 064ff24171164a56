/** The commands of registers: what scripts rely on, word for word. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AtollError } from '../../src/base/errors.ts'
import type { RegEvent } from '../../src/node/api.ts'
import { CliRig } from './cli-rig.ts'

describe('registers on the command line', () => {
  let cli: CliRig
  beforeEach(async () => {
    cli = await CliRig.open()
  })
  afterEach(() => cli.close())

  const held = (key: string) => cli.rig.node.reg.registers.get(key)?.value
  const json = (text: string) => JSON.parse(text) as Record<string, unknown>

  it('set and cas print the new version, as JSON with the key', async () => {
    assert.equal((await cli.run('reg', 'set', 'cfg', 'a')).out, 'ok  version v1\n')
    const set = await cli.run('reg', 'set', 'cfg', 'b', '-o', 'json')
    assert.deepEqual(json(set.out), { key: 'cfg', version: 'v2' })
    const cas = await cli.run('reg', 'cas', 'cfg', 'c', '--if-version', 'v2', '-o', 'json')
    assert.deepEqual(json(cas.out), { key: 'cfg', version: 'v3' })
    const first = await cli.run('reg', 'cas', 'new', '1', '--if-absent', '-o', 'json')
    assert.deepEqual(json(first.out), { key: 'new', version: 'v4' })
    assert.equal((await cli.run('reg', 'set', 'x', '1', '-o', 'raw')).out, 'v5\n')
    assert.deepEqual([held('cfg'), held('new')], ['c', '1'])
  })

  it('bytes are told of, for a person alone', async () => {
    const file = join(cli.dir, 'bytes')
    writeFileSync(file, new Uint8Array([0xff, 0]))
    await cli.run('kv', 'put', 'b', `@${file}`)
    await cli.run('reg', 'set', 'b', `@${file}`)
    for (const noun of ['kv', 'reg']) {
      const human = await cli.run(noun, 'get', 'b')
      assert.equal(human.err, 'the value is bytes: -o raw gives them as they are\n')
      const raw = await cli.run(noun, 'get', 'b', '-o', 'raw')
      assert.deepEqual([raw.err, [...raw.bytes]], ['', [0xff, 0]])
    }
  })

  it('a lost condition ends with 5 and prints the current version', async () => {
    await cli.run('reg', 'set', 'cfg', 'a')
    for (const condition of [['--if-version', '6aa'], ['--if-absent']]) {
      for (const verb of ['set', 'cas']) {
        const lost = await cli.run('reg', verb, 'cfg', 'b', ...condition)
        const said = 'error CONFLICT: current version is v1; nothing was changed\n'
        assert.deepEqual([lost.status, lost.out, lost.err], [5, '', said])
      }
    }
    const lost = await cli.run('reg', 'cas', 'cfg', 'b', '--if-version', '6aa', '-o', 'json')
    const { error } = json(lost.err) as { error: Record<string, unknown> }
    assert.deepEqual(
      [lost.status, error['code'], error['outcome'], error['version']],
      [5, 'CONFLICT', 'not-applied', 'v1'],
    )
    const none = await cli.run('reg', 'del', 'none', '--if-version', '6aa', '-o', 'json')
    assert.equal((json(none.err) as { error: { version: string } }).error.version, '')
    assert.equal(held('cfg'), 'a')
  })

  it('cas without a condition is no call', async () => {
    const { status, err } = await cli.run('reg', 'cas', 'cfg', 'b')
    assert.equal(status, 2)
    assert.match(err, /^error USAGE: cas needs --if-version or --if-absent/)
  })

  it('get prints the value, as JSON with its version; without a value it ends with 4', async () => {
    await cli.run('reg', 'set', 'cfg', 'v1')
    assert.equal((await cli.run('reg', 'get', 'cfg')).out, 'v1\n')
    assert.equal((await cli.run('reg', 'get', 'cfg', '-o', 'raw')).out, 'v1')
    const got = await cli.run('reg', 'get', 'cfg', '-o', 'json')
    assert.deepEqual(json(got.out), { key: 'cfg', value: 'v1', version: 'v1' })
    const none = await cli.run('reg', 'get', 'none')
    assert.deepEqual(
      [none.status, none.out, none.err],
      [4, '', 'error NOT_FOUND: there is no value of "none"\n'],
    )
  })

  it('del says whether there was something', async () => {
    await cli.run('reg', 'set', 'cfg', 'a')
    assert.equal((await cli.run('reg', 'del', 'cfg')).out, 'ok  version v2\n')
    const again = await cli.run('reg', 'del', 'cfg')
    assert.deepEqual([again.status, again.out], [0, 'ok  there was no value\n'])
  })

  it('incr prints the number; what is added may be negative', async () => {
    assert.equal((await cli.run('reg', 'incr', 'n')).out, '1\n')
    assert.equal((await cli.run('reg', 'incr', 'n', '10')).out, '11\n')
    assert.equal((await cli.run('reg', 'incr', 'n', '-5')).out, '6\n')
    assert.equal((await cli.run('reg', 'incr', 'n', '--', '-5')).out, '1\n')
    const last = await cli.run('reg', 'incr', 'n', '2', '-o', 'json')
    assert.deepEqual(json(last.out), { key: 'n', value: 3, version: 'v5' })
  })

  it('options reach the node', async () => {
    const change = ['--op-id', 'once', '--since', 'v0', '--deadline', '1500ms']
    const options = { opId: 'once', since: 'v0', deadlineMs: 1500 }
    const said = () => {
      const { signal: _signal, ...rest } = cli.rig.node.options.at(-1) ?? {}
      return rest
    }
    await cli.run('reg', 'set', 'k', 'v', ...change, '--if-absent')
    assert.deepEqual(said(), { ...options, ifAbsent: true })
    await cli.run('reg', 'cas', 'k', 'v', ...change, '--if-version', 'v1')
    assert.deepEqual(said(), { ...options, ifVersion: 'v1' })
    await cli.run('reg', 'del', 'k', ...change, '--if-version', 'v2')
    assert.deepEqual(said(), { ...options, ifVersion: 'v2' })
    await cli.run('reg', 'incr', 'n', ...change)
    assert.deepEqual(said(), options)
    await cli.run('reg', 'get', 'k', '--deadline', '3s')
    assert.deepEqual(said(), { deadlineMs: 3000 })
    await cli.run('--timeout', '4s', 'reg', 'get', 'k')
    assert.deepEqual(said(), { deadlineMs: 4000 })
    await cli.run('--timeout', '4s', 'reg', 'get', 'k', '--deadline', '3s')
    assert.deepEqual(said(), { deadlineMs: 3000 })
  })

  it('waits as long as --deadline says, for a daemon that stands still', async () => {
    cli.rig.node.gate = new Promise<void>(() => undefined)
    cli.rig.node.deaf = true
    const { status, err } = await cli.run('reg', 'set', 'k', 'v', '--deadline', '20ms')
    assert.equal(status, 6)
    assert.match(err, /^error TIMEOUT: no answer in 20 ms; whether it was done is unknown\n$/)
  })

  it('a file over the limit of a register is refused with that limit', async () => {
    const file = join(cli.dir, 'large')
    writeFileSync(file, 'x'.repeat(256 * 1024 + 1))
    const { status, err } = await cli.run('reg', 'set', 'k', `@${file}`)
    assert.equal(status, 2)
    assert.match(err, /^error TOO_LARGE: .*large is over 262144 bytes\n$/)
    assert.equal(cli.rig.node.calls, 0)
  })

  it('no quorum: what is known of the outcome, and what to do', async () => {
    cli.rig.node.failure = new AtollError('NO_QUORUM', '1 of 3 replicas answered in 2 s', {
      outcome: 'unknown',
      hint: 'see: atoll explain new',
    })
    const { status, err } = await cli.run('reg', 'set', 'new', '1')
    assert.equal(status, 6)
    const said = '1 of 3 replicas answered in 2 s; whether it was done is unknown'
    assert.equal(err, `error NO_QUORUM: ${said}. See: atoll explain new\n`)
    const asJson = json((await cli.run('reg', 'set', 'new', '1', '-o', 'json')).err)
    assert.equal((asJson as { error: { outcome: string } }).error.outcome, 'unknown')
  })

  it('ls lists keys and values', async () => {
    for (const key of ['a/2', 'a/1', 'b']) await cli.run('reg', 'set', key, `of ${key}`)
    assert.equal((await cli.run('reg', 'ls', 'a/')).out, 'a/1  of a/1\na/2  of a/2\n')
    assert.equal((await cli.run('reg', 'ls', '-o', 'raw')).out, 'a/1\na/2\nb\n')
    assert.equal((await cli.run('reg', 'ls', '--after', 'a/1', '-o', 'raw')).out, 'a/2\nb\n')
    const first = await cli.run('reg', 'ls', '--limit', '1', '-o', 'json')
    const entry = { key: 'a/1', value: 'of a/1', version: 'v2' }
    assert.deepEqual(json(first.out), { entries: [entry], next: 'a/1' })
  })

  it('ls reads all pages', async () => {
    for (let i = 0; i < 2500; i++) await cli.rig.node.reg.set(`k/${10_000 + i}`, 'v')
    const before = cli.rig.node.calls
    const { out } = await cli.run('reg', 'ls', 'k/', '-o', 'jsonl', '--deadline', '5s')
    assert.equal(out.split('\n').length - 1, 2500)
    assert.equal(cli.rig.node.calls - before, 3)
    assert.equal(cli.rig.node.options.at(-1)?.deadlineMs, 5000)
    const whole = json((await cli.run('reg', 'ls', 'k/', '-o', 'json')).out)
    assert.deepEqual([(whole['entries'] as unknown[]).length, whole['next']], [2500, null])
    assert.deepEqual(Object.keys(whole).sort(), ['entries', 'next'])
  })

  it('explain tells of the register, and what a change would do', async () => {
    const { out } = await cli.run('explain', 'cfg')
    assert.match(out, /^reg +a {2}v2 {2}accepted 3\.v2\.a\.1 {2}promised 3\.v3\.a\.1$/m)
    assert.match(out, /^ +b {2}no answer$/m)
    assert.match(out, /^ +c {2}v2 {2}deleted {2}accepted/m)
    assert.match(out, /^a change +two rounds: first asks what was accepted, proposed by a$/m)
  })

  it('watch tells the register, then what it becomes, until Ctrl-C', async () => {
    await cli.rig.node.reg.set('k', 'one')
    const changes = [
      { kind: 'value', key: 'k', value: { base64: 'no bytes' }, version: 'v2' },
      { kind: 'value', key: 'k', value: null, version: 'v3' },
      { kind: 'absent', key: 'k', version: 'v4' },
    ] as const
    /** Each when the one before has been printed: of several at once the last is enough. */
    async function* oneByOne(printed: () => number): AsyncGenerator<RegEvent, void> {
      for (const [i, change] of changes.entries()) {
        while (printed() <= i) await new Promise<void>((resolve) => void setImmediate(resolve))
        yield change
      }
    }
    const expected = {
      human:
        'v1  value  one\nv2  value  {"json":{"base64":"no bytes"}}\nv3  value  null\nv4  absent\n',
      raw: 'v1\tvalue\tone\nv2\tvalue\t{"json":{"base64":"no bytes"}}\nv3\tvalue\tnull\nv4\tabsent\n',
      jsonl:
        '{"kind":"value","key":"k","value":"one","version":"v1"}\n' +
        '{"kind":"value","key":"k","value":{"json":{"base64":"no bytes"}},"version":"v2"}\n' +
        '{"kind":"value","key":"k","value":null,"version":"v3"}\n' +
        '{"kind":"absent","key":"k","version":"v4"}\n',
    }
    for (const [format, lines] of Object.entries(expected)) {
      cli.interrupt = new AbortController()
      let seen = 0
      cli.rig.node.reg.changes = oneByOne(() => seen)
      const words = ['--socket', cli.rig.path, 'reg', 'watch', 'k', '-o', format]
      const { status, out } = await cli.watched(words, () => {
        if (++seen === 4) cli.interrupt.abort()
      })
      assert.deepEqual([status, out], [0, lines])
    }
    cli.interrupt = new AbortController()
    const words = ['--socket', cli.rig.path, 'reg', 'watch', 'k', '--after', 'v1', '-o', 'raw']
    let seen = 1
    cli.rig.node.reg.changes = oneByOne(() => seen)
    const { out } = await cli.watched(words, (text) => {
      seen++
      if (text.startsWith('v4')) cli.interrupt.abort()
    })
    assert.equal(out, expected.raw.replace('v1\tvalue\tone\n', ''))
  })

  it('watch ends with 3 when its daemon stops in good order', async () => {
    const { reg } = cli.rig.node
    const watch = reg.watch.bind(reg)
    reg.watch = async function* once(): AsyncGenerator<RegEvent, void> {
      yield { kind: 'absent', key: 'k', version: 'v1' }
    }
    try {
      const { status, out, err } = await cli.run('reg', 'watch', 'k')
      assert.deepEqual([status, out], [3, 'v1  absent\n'])
      assert.match(err, /^error UNREACHABLE: the watch ended: its daemon stops or has left\. Go on/)
    } finally {
      reg.watch = watch
    }
  })
})
