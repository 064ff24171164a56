/** What commands print and how they end: the promises that scripts and people rely on. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { AtollError } from '../../src/base/errors.ts'
import { callOptions, type CommandContext } from '../../src/cli/command.ts'
import type { KvGetOptions } from '../../src/node/api.ts'
import { type MethodName, METHODS } from '../../src/rpc/methods.ts'
import { until } from '../rpc/rig.ts'
import { CliRig } from './cli-rig.ts'

describe('commands', () => {
  let cli: CliRig
  beforeEach(async () => {
    cli = await CliRig.open()
  })
  afterEach(() => cli.close())

  const stored = (key: string) => cli.rig.node.values.get(key)
  const asked = (): KvGetOptions => cli.rig.node.options.at(-1) ?? {}

  it('kv put says how many disks have it', async () => {
    const { out } = await cli.run('kv', 'put', 'color', 'blue')
    assert.equal(out, 'ok  acks 3/3, durable\n')
    assert.equal((await cli.run('kv', 'del', 'color')).out.includes('2 copies pending'), true)
  })

  it('kv put and del say which values an outdated context leaves there', async () => {
    const { node } = cli.rig
    const said = async (...words: string[]) => (await cli.run('kv', ...words)).out
    node.uncovered = 1
    const see = 'atoll kv get color --siblings\n'
    const put = await said('put', 'color', 'blue', '--context', 'v0')
    assert.equal(put, `ok  acks 3/3, durable · 2 values are there: ${see}`)
    const del = await said('del', 'color', '--context', 'v0')
    assert.ok(del.endsWith(`2 copies pending · 1 value is there: ${see}`), del)
    assert.equal(await said('put', 'color', 'blue', '-o', 'raw'), 'v1\n')
    const json = JSON.parse(await said('put', 'color', 'blue', '-o', 'json')) as object
    assert.equal(Reflect.get(json, 'siblingCount'), 2)
    node.uncovered = 0
    assert.doesNotMatch(await said('del', 'color', '--context', 'v1'), /value/)
  })

  it('status of a removed daemon says nothing of others', async () => {
    const { node } = cli.rig
    assert.match((await cli.run('status')).out, /^members +2 alive, 0 suspect, 1 dead$/m)
    node.removed = true
    const { out } = await cli.run('status')
    assert.match(out, /^state +removed$/m)
    assert.match(out, /^cluster +c+$/m)
    assert.doesNotMatch(out, /^(members|holds|tolerates)/m)
  })

  it('a change that is interrupted says what is known of it', async () => {
    cli.rig.node.gate = new Promise(() => undefined)
    const changing = cli.run('kv', 'put', 'k', 'v')
    await until(() => cli.rig.node.calls === 1, 'the call')
    cli.interrupt.abort()
    const { status, err } = await changing
    assert.equal(err, 'error CANCELLED: interrupted; whether it was done is unknown\n')
    assert.equal(status, 1)
  })

  it('leave shows how much is left, while it lasts', async () => {
    const { node } = cli.rig
    const first = 'handing over: 97 partitions left here · Ctrl-C: stay a member'
    const last =
      'no partitions left here: waiting until the others have all, and most roots know it · Ctrl-C: stay a member'
    const anew = '\r\u001b[K'
    for (const [isTerminal, told] of [
      [true, `${anew}${first}${anew}${last}${anew}`],
      [false, `${first}\n`],
    ] as const) {
      cli.errIsTerminal = isTerminal
      const held = Promise.withResolvers<void>()
      node.leave = () => held.promise
      node.held = 97
      const before = node.calls
      const leaving = cli.run('leave')
      await until(() => node.calls > before, 'a look')
      node.held = 0
      if (isTerminal) await until(() => node.calls > before + 1, 'another')
      held.resolve()
      const { status, out, err } = await leaving
      assert.deepEqual([status, out], [0, 'ok  left the cluster; the daemon stops\n'])
      assert.equal(err, told)
    }
  })

  it('leave that is interrupted says what becomes of it', async () => {
    let given: AbortSignal | undefined
    cli.rig.node.leave = (options) => {
      given = options?.signal
      return new Promise(() => undefined)
    }
    const leaving = cli.run('leave')
    await until(() => given !== undefined, 'the call')
    cli.interrupt.abort()
    const { status, err } = await leaving
    assert.match(err, /^error CANCELLED: interrupted; whether .* unknown\. .* it stays a member, /)
    assert.equal(status, 1)
    await until(() => given?.aborted === true, 'the daemon gives it up')
  })

  it('kv get prints the value, as JSON with all that is known', async () => {
    cli.rig.node.values.set('color', 'blue')
    assert.equal((await cli.run('kv', 'get', 'color')).out, 'blue\n')
    assert.equal((await cli.run('kv', 'get', 'color', '-o', 'raw')).out, 'blue')
    assert.deepEqual(JSON.parse((await cli.run('kv', 'get', 'color', '-o', 'json')).out), {
      key: 'color',
      value: 'blue',
      context: 'v1',
      acks: 3,
      replicas: 3,
      others: [],
      partial: false,
    })
  })

  it('kv get takes an answer of a while ago', async () => {
    cli.rig.node.values.set('color', 'blue')
    assert.equal((await cli.run('kv', 'get', 'color', '--max-age', '1.5s')).out, 'blue\n')
    assert.equal(asked().maxAgeMs, 1500)
    const refused = await cli.run('kv', 'get', 'color', '--max-age', '2h')
    assert.deepEqual([refused.status, refused.out], [2, ''])
    assert.match(refused.err, /USAGE: --max-age must be at most 1h/)
  })

  it('kv get of bytes: exact as raw, base64 as JSON', async () => {
    const bytes = Uint8Array.of(0, 255, 10, 128)
    cli.rig.node.values.set('k', bytes)
    assert.deepEqual([...(await cli.run('kv', 'get', 'k', '-o', 'raw')).bytes], [...bytes])
    const { out } = await cli.run('kv', 'get', 'k', '-o', 'json')
    assert.deepEqual((JSON.parse(out) as { value: unknown }).value, { base64: 'AP8KgA==' })
  })

  it('kv put takes a file, text or bytes', async () => {
    const file = join(cli.dir, 'v')
    writeFileSync(file, Uint8Array.of(255, 0))
    await cli.run('kv', 'put', 'k', `@${file}`)
    assert.deepEqual(stored('k'), Uint8Array.of(255, 0))
    writeFileSync(file, 'text\n')
    await cli.run('kv', 'put', 'k', `@${file}`)
    assert.equal(stored('k'), 'text\n')
    await cli.run('kv', 'put', 'k', '@@home')
    assert.equal(stored('k'), '@home')
  })

  it('prints the ticket alone, and takes one from a file', async () => {
    assert.equal((await cli.run('ticket', 'create', '--uses', '0')).out, 'atoll1fake\n')
    const file = join(cli.dir, 't')
    writeFileSync(file, '  atoll1fake\n')
    assert.equal((await cli.run('join', `@${file}`)).status, 0)
    assert.equal((await cli.run('join', 'atoll1other')).status, 7)
  })

  it('member ls -o json is the array', async () => {
    const { out } = await cli.run('member', 'ls', '-o', 'json')
    const members = JSON.parse(out) as Record<string, unknown>[]
    assert.equal(members.length, 3)
    for (const field of ['id', 'name', 'state', 'addresses', 'tags', 'incarnation']) {
      assert.ok(field in (members[0] ?? {}), field)
    }
  })

  it('kv ls reads all pages', async () => {
    for (let i = 0; i < 2500; i++) cli.rig.node.values.set(`k/${String(i).padStart(5, '0')}`, 'v')
    const { out } = await cli.run('kv', 'ls', 'k/', '-o', 'raw')
    assert.equal(out.split('\n').length - 1, 2500)
    const json = JSON.parse((await cli.run('kv', 'ls', 'k/', '-o', 'json')).out) as {
      entries: unknown[]
      next: unknown
    }
    assert.equal(json.entries.length, 2500)
    assert.equal(json.next, null)
    const limited = await cli.run('kv', 'ls', 'k/', '--limit', '7', '-o', 'jsonl')
    assert.equal(limited.out.split('\n').length - 1, 7)
  })

  it('export and import bring back every kind of value', async () => {
    const { values } = cli.rig.node
    values.set('text', 'a\nb"\u{1f3dd}')
    values.set('bytes', Uint8Array.of(0, 255))
    values.set('json', { base64: 'not bytes', n: [1, null, true] })
    values.set('tricky', { base64: 'AA==' })
    values.set('number', 5)
    const before = new Map(values)
    const { out } = await cli.run('kv', 'export')
    const file = join(cli.dir, 'all.jsonl')
    writeFileSync(file, out)
    values.clear()
    const { status, out: said } = await cli.run('kv', 'import', file)
    assert.equal(status, 0)
    assert.match(said, /imported 5/)
    assert.deepEqual(values, before)
  })

  it('ls and export say which keys have siblings', async () => {
    cli.rig.node.values.set('k', 'v')
    const plain = await cli.run('kv', 'export')
    assert.equal(plain.err, '')
    cli.rig.node.siblingCount = 2
    assert.match((await cli.run('kv', 'ls')).out, /^k {2}v {2}\(1 of 2 siblings\)$/m)
    const { out, err, status } = await cli.run('kv', 'export')
    assert.equal(out, plain.out)
    assert.match(err, /keys with siblings: 1; only the newest value of each is exported/)
    assert.equal(status, 0)
  })

  it('import names bad lines by number, stores the others, and fails', async () => {
    const file = join(cli.dir, 'bad.jsonl')
    const lines = [
      '{"key":"a","value":"1"}',
      'nonsense',
      '',
      '{"value":1}',
      '{"key":"b","value":2}',
    ]
    writeFileSync(file, lines.join('\n'))
    const { status, err } = await cli.run('kv', 'import', file)
    assert.equal(status, 2)
    assert.match(err, /line 2: not JSON/)
    assert.match(err, /line 4: "key"/)
    assert.equal(stored('a'), '1')
    assert.equal(stored('b'), 2)
  })

  it('import skips a line that is too long, whole, and reads the next', async () => {
    const file = join(cli.dir, 'long.jsonl')
    const long = JSON.stringify({ key: 'l', value: 'x'.repeat(4 * 1024 * 1024) })
    const good = (key: string) => JSON.stringify({ key, value: 1 })
    writeFileSync(file, [good('a'), long, good('b'), good('c'), long].join('\n'))
    const { status, out, err } = await cli.run('kv', 'import', file)
    assert.equal(status, 2)
    assert.match(err, /line 2: over 4194304 bytes; skipped\nline 5: over 4194304 bytes; skipped\n/)
    assert.match(err, /error USAGE: 2 bad lines were skipped; it was done in part/)
    assert.match(out, /^imported 3 in/)
    assert.deepEqual([...cli.rig.node.values.keys()], ['a', 'b', 'c'])
  })

  it('import refuses a directory before it begins', async () => {
    const { status, err } = await cli.run('kv', 'import', cli.dir)
    assert.equal(status, 2)
    assert.equal(err, `error USAGE: ${cli.dir} is a directory; nothing was changed\n`)
  })

  it('import says what is wrong in words, and that nothing was done when nothing was', async () => {
    const file = join(cli.dir, 'bad.jsonl')
    const said = async (line: string) => {
      writeFileSync(file, line)
      return (await cli.run('kv', 'import', file)).err.split('\n')
    }
    const end =
      'error USAGE: 1 bad line was skipped; nothing was changed. What is read: lines of ' +
      '{"key":…,"value":…}, what etcdctl get "" --prefix -w json and consul kv export print, ' +
      'and RDB files of Redis'
    assert.deepEqual(await said('{"key":"a"}'), ['line 1: "value" is missing; skipped', end, ''])
    assert.deepEqual(await said('{"value":1}'), ['line 1: "key" is missing; skipped', end, ''])
    const empty = await said('{"key":"","value":1}')
    assert.deepEqual(empty, ['line 1: "key" must not be empty; skipped', end, ''])
    cli.rig.node.failure = new AtollError('STORAGE_FAILED', 'the disk failed')
    assert.match((await said('{"key":"a","value":1}'))[0] ?? '', /; nothing was changed\. Continue/)
  })

  it('a text of control characters within its limit is put, exported and imported', async () => {
    const text = '\0'.repeat(1024 * 1024)
    const file = join(cli.dir, 'zeros')
    writeFileSync(file, text)
    const put = await cli.run('kv', 'put', 'k', `@${file}`)
    assert.equal(put.status, 0, put.err)
    assert.equal(stored('k'), text)
    assert.equal((await cli.run('kv', 'get', 'k', '-o', 'raw')).out, text)
    const { out } = await cli.run('kv', 'export')
    writeFileSync(file, out)
    cli.rig.node.values.clear()
    assert.equal((await cli.run('kv', 'import', file)).err, '')
    assert.equal(stored('k'), text)
    writeFileSync(file, `${text}x`)
    const large = await cli.run('kv', 'put', 'k', `@${file}`)
    assert.match(large.err, /^error TOO_LARGE: .*zeros is over 1048576 bytes\n$/)
  })

  it('import stops at a failure and says where to resume; resuming skips what is done', async () => {
    const file = join(cli.dir, 'x.jsonl')
    const lines = Array.from({ length: 50 }, (_, i) => JSON.stringify({ key: `k${i}`, value: 'v' }))
    writeFileSync(file, `${lines.join('\n')}\n`)
    cli.rig.node.failure = new AtollError('STORAGE_FAILED', 'the disk failed')
    const failed = await cli.run('kv', 'import', file)
    assert.equal(failed.status, 1)
    assert.match(failed.err, /--resume-from 1/)
    cli.rig.node.failure = null
    const resumed = await cli.run('kv', 'import', file, '--resume-from', '41')
    assert.match(resumed.out, /imported 10/)
    assert.equal(stored('k39'), undefined)
    assert.equal(stored('k40'), 'v')
  })

  it('import keeps its bound of puts under way', async () => {
    const file = join(cli.dir, 'x.jsonl')
    const lines = Array.from({ length: 300 }, (_, i) =>
      JSON.stringify({ key: `k${i}`, value: 'v' }),
    )
    writeFileSync(file, lines.join('\n'))
    let most = 0
    let now = 0
    const { kv } = cli.rig.node
    const put = kv.put
    kv.put = async (...args) => {
      most = Math.max(most, ++now)
      await new Promise<void>((resolve) => void setImmediate(resolve))
      now--
      return await put(...args)
    }
    await cli.run('kv', 'import', file, '--in-flight', '7')
    assert.equal(cli.rig.node.values.size, 300)
    assert.equal(most, 7)
  })

  it('import keeps its bound of bytes under way, and waits when queues are full', async () => {
    const file = join(cli.dir, 'x.jsonl')
    const value = 'x'.repeat(1024 * 1024)
    const lines = Array.from({ length: 24 }, (_, i) => JSON.stringify({ key: `k${i}`, value }))
    writeFileSync(file, lines.join('\n'))
    let most = 0
    let now = 0
    let calls = 0
    const { kv } = cli.rig.node
    const put = kv.put
    kv.put = async (...args) => {
      if (++calls % 7 === 0) throw new AtollError('BUSY', 'the disk is behind')
      most = Math.max(most, ++now)
      for (let turn = 0; turn < 200 && now < 7; turn++) {
        await new Promise<void>((resolve) => void setImmediate(resolve))
      }
      now--
      return await put(...args)
    }
    const { err } = await cli.run('kv', 'import', file)
    assert.equal(err, '')
    assert.equal(cli.rig.node.values.size, 24)
    assert.ok(most > 1 && most < 8, `${most} of a MiB each`)
  })

  it('ends with the status of the table of errors', async () => {
    assert.equal((await cli.run('kv', 'get', 'none')).status, 4)
    assert.equal((await cli.run('member', 'show', 'nobody')).status, 4)
    assert.equal((await cli.run('init')).status, 5)
    assert.equal((await cli.bare('--socket', '/nonexistent/s', 'status')).status, 3)
    cli.rig.node.failure = new AtollError('NO_QUORUM', '1 of 3 answered')
    assert.equal((await cli.run('kv', 'get', 'k')).status, 6)
    cli.rig.node.failure = new AtollError('DENIED', 'no')
    assert.equal((await cli.run('kv', 'get', 'k')).status, 7)
  })

  it('says what is known of the outcome, and what to do next', async () => {
    cli.rig.node.failure = new AtollError('NO_QUORUM', '1 of 3 replicas answered in 2 s', {
      outcome: 'unknown',
      hint: 'see: atoll explain k',
    })
    const put = await cli.run('kv', 'put', 'k', 'v')
    assert.equal(
      put.err,
      'error NO_QUORUM: 1 of 3 replicas answered in 2 s; whether it was done is unknown. ' +
        'See: atoll explain k\n',
    )
    const get = await cli.run('kv', 'get', 'k')
    assert.doesNotMatch(get.err, /unknown/)
  })

  it('refuses nonsense with status 2, one line, and nothing on standard output', async () => {
    const nonsense: readonly (readonly string[])[] = [
      [],
      ['no-such-command'],
      ['kv'],
      ['kv', 'no-such'],
      ['kv', 'put'],
      ['kv', 'put', 'k'],
      ['kv', 'put', 'k', 'v', 'w'],
      ['kv', 'get', 'k', '--no-such-flag'],
      ['kv', 'get', 'k', '--read', 'most'],
      ['kv', 'get', 'k', '-o', 'xml'],
      ['kv', 'get', 'k', '--timeout', 'soon'],
      ['kv', 'get', ''],
      ['kv', 'put', 'k', '@/nonexistent'],
      ['kv', 'import', '/nonexistent'],
      ['ticket', 'create', '--ttl', '-1h'],
      ['ticket', 'create', '--uses', 'many'],
      ['member', 'tag', 'nothing'],
      ['completion', 'tcsh'],
      ['dev', '--nodes', '0'],
      ['dev', '--nodes', '100'],
      ['config', 'validate', '/nonexistent'],
      ['--socket', 'x'.repeat(108), 'status'],
    ]
    for (const words of nonsense) {
      const { status, out, err } = await cli.run(...words)
      assert.equal(status, 2, `${words.join(' ')}: ${err}`)
      assert.equal(out, '')
      assert.match(err, /^error (USAGE|CONFIG_INVALID): [^\n]+\n$/, words.join(' '))
    }
  })

  it('tells usage errors in the format that was asked for', async () => {
    const { err } = await cli.run('kv', 'put', '-o', 'json')
    assert.equal((JSON.parse(err) as { error: { code: string } }).error.code, 'USAGE')
  })

  it('shows help on standard output', async () => {
    for (const words of [['--help'], ['kv', '--help'], ['kv', 'put', '--help']]) {
      const { status, out, err } = await cli.bare(...words)
      assert.deepEqual([status, err], [0, ''])
      assert.match(out, /Usage: atoll/)
    }
  })

  it('member watch tells the members, then changes, until Ctrl-C', async () => {
    for (const format of ['human', 'json', 'jsonl', 'raw']) {
      cli.interrupt = new AbortController()
      let lines = 0
      const words = ['--socket', cli.rig.path, 'member', 'watch', '-o', format]
      const { status, out } = await cli.watched(words, () => {
        if (++lines === 3) cli.interrupt.abort()
      })
      assert.equal(status, 0)
      assert.equal(out.trimEnd().split('\n').length, 3)
      if (format.startsWith('json')) for (const line of out.trimEnd().split('\n')) JSON.parse(line)
    }
  })

  it('finds the daemon by context, and its siblings by --at', async () => {
    mkdirSync(join(cli.dir, 'atoll'), { recursive: true })
    const dead = { socket: join(cli.dir, 'dead.sock') }
    const contexts = { 'dev/a': dead, 'dev/c': { socket: cli.rig.path } }
    const file = join(cli.dir, 'atoll', 'contexts.json')
    writeFileSync(file, JSON.stringify({ current: 'dev/a', contexts }))
    assert.equal((await cli.bare('status')).status, 3)
    assert.equal((await cli.bare('--at', 'c', 'status')).status, 0)
    assert.equal((await cli.bare('--at', 'x', 'status')).status, 4)
    assert.equal((await cli.bare('context', 'use', 'c')).out, 'ok  context dev/c\n')
    assert.equal((await cli.bare('status')).status, 0)
    cli.env['ATOLL_SOCKET'] = dead.socket
    assert.equal((await cli.bare('status')).status, 3)
  })

  it('adds and removes contexts', async () => {
    const added = await cli.bare('context', 'add', 'prod/a', cli.rig.path)
    assert.equal(added.out, `ok  prod/a is ${cli.rig.path}; use it with --at prod/a\n`)
    assert.equal((await cli.bare('--at', 'prod/a', 'status')).status, 0)
    assert.equal((await cli.bare('context', 'add', 'prod/a', cli.rig.path)).status, 0)
    const other = await cli.bare('context', 'add', 'prod/a', '/other')
    assert.equal(other.status, 5)
    assert.match(other.err, /^error CONFLICT: .*context rm prod\/a/)
    await cli.bare('context', 'use', 'prod/a')
    assert.equal((await cli.bare('context', 'rm', 'prod/a')).out, 'ok  removed prod/a\n')
    const file = readFileSync(join(cli.dir, 'atoll', 'contexts.json'), 'utf8')
    assert.deepEqual(JSON.parse(file), { current: null, contexts: {} })
    assert.equal((await cli.bare('context', 'rm', 'prod/a')).status, 4)
    await cli.bare('context', 'add', 'here', 'relative.sock')
    const listed = await cli.bare('context', 'ls', '-o', 'jsonl')
    const { socket } = JSON.parse(listed.out) as { socket: string }
    assert.equal(socket, join(process.cwd(), 'relative.sock'))
    for (const name of ['', 'dev/a', 'a b', '__proto__', '\u001b[2J', 'a'.repeat(65)]) {
      assert.equal((await cli.bare('context', 'add', name, '/s')).status, 2, name)
    }
  })

  it('keeps other people’s control characters off the terminal', async () => {
    cli.rig.node.values.set('k\u001b[2J', 'v\u0007')
    assert.doesNotMatch((await cli.run('kv', 'ls')).out, /[^\P{Cc}\n]/u)
  })

  it('gives up a daemon that stands still, and says that the outcome is unknown', async () => {
    cli.rig.node.gate = new Promise<void>(() => undefined)
    const { status, err } = await cli.run('kv', 'put', 'k', 'v', '--timeout', '20ms')
    assert.equal(status, 6)
    assert.match(err, /^error TIMEOUT: .*unknown/)
  })

  it('says of a daemon that is silent where it was and the time that was given', async () => {
    const path = join(cli.dir, 'silent')
    const server = createServer((socket) => void socket.on('error', () => undefined))
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const silent = (...words: string[]) => cli.bare('--socket', path, '--timeout', '20ms', ...words)
    const [put, get] = await Promise.all([silent('kv', 'put', 'k', 'v'), silent('kv', 'get', 'k')])
    server.close()
    const [said, hint] = [`error TIMEOUT: no answer from ${path} in 20 ms`, 'Is the daemon paused']
    assert.ok(put.err.startsWith(`${said}; whether it was done is unknown. ${hint}`), put.err)
    assert.ok(get.err.startsWith(`${said}. ${hint}`), get.err)
    assert.deepEqual([put.status, get.status], [6, 6])
  })

  it('waits for no call without an end, but where a call has none', () => {
    const patience = (name: MethodName) => {
      return callOptions({ options: {} } as CommandContext, name).patienceMs
    }
    assert.equal(patience('kv.get'), 3000)
    const endless = Object.values(METHODS).filter(({ name }) => patience(name) === undefined)
    assert.deepEqual(
      endless.map(({ name }) => name),
      ['leave', 'kv.watch', 'reg.watch', 'member.watch'],
    )
  })
})
