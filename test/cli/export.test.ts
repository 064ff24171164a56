/** `kv export` into files: new ones, ones that broke off, and what is no export. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AtollError } from '../../src/base/errors.ts'
import { type MissingKeys, missingError, withMissing } from '../../src/cli/local/missing-keys.ts'
import { FUTURE_MS } from '../rpc/fake-node.ts'
import { CliRig } from './cli-rig.ts'

describe('kv export', () => {
  let cli: CliRig
  let file: string
  beforeEach(async () => {
    cli = await CliRig.open()
    file = join(cli.dir, 'out.jsonl')
    for (let i = 0; i < 5000; i++)
      cli.rig.node.values.set(`k/${String(i).padStart(5, '0')}`, `v${i}`)
  })
  afterEach(() => cli.close())

  const exported = (...more: string[]) => cli.run('kv', 'export', 'k/', '--to', file, ...more)

  it('writes a file, what standard output would have, and says how much', async () => {
    const { status, out, err } = await exported()
    assert.deepEqual([status, err], [0, ''])
    assert.match(out, /^ok {2}exported 5000 \(\d+ bytes\) in/)
    assert.equal(readFileSync(file, 'utf8'), (await cli.run('kv', 'export', 'k/')).out)
    assert.equal(readFileSync(file, 'utf8'), (await cli.run('kv', 'export', 'k/', '--to', '-')).out)
    const { out: json } = await cli.run('kv', 'export', '--to', join(cli.dir, 'x'), '-o', 'json')
    assert.equal((JSON.parse(json) as { exported: number }).exported, 5000)
  })

  it('says so when no key begins so: a file may have been meant', async () => {
    const { status, out, err } = await cli.run('kv', 'export', 'out.jsonl')
    const said = 'no key begins with "out.jsonl"'
    assert.deepEqual([status, out], [0, ''])
    assert.equal(err, `${said}; a file to write is named by --to\n`)
    assert.equal((await cli.run('kv', 'export', 'out.jsonl', '--to', file)).err, `${said}\n`)
    cli.rig.node.values.clear()
    assert.equal((await cli.run('kv', 'export')).err, '')
  })

  it('that may lack keys gives out what there is, says where, and fails', async () => {
    const { kv } = cli.rig.node
    const ls = kv.ls
    kv.ls = async (prefix, options) => {
      const page = await ls(prefix, options)
      return { ...page, partial: options?.after !== undefined }
    }
    const { status, out, err } = await exported()
    const [, last = ''] = /exported 5000, but keys may be missing after "(k.0\d+)":/.exec(err) ?? []
    assert.ok(last > 'k/00000', err)
    assert.equal(status, 6)
    assert.match(out, /^exported 5000 \(/)
    assert.match(err, /^error NO_QUORUM: .* too few replicas .*atoll doctor/)
    assert.equal(readFileSync(file, 'utf8').split('\n').length, 5001)
    cli.rig.node.partial = true
    kv.ls = ls
    for (const format of ['json', 'jsonl'] as const) {
      const to = join(cli.dir, format)
      const ran = await cli.run('kv', 'export', 'k/', '--to', to, '-o', format)
      const { missing } = JSON.parse(ran.out) as { missing: unknown }
      assert.deepEqual([ran.status, missing], [6, [{ after: null, to: null }]])
      assert.match(ran.err, /^\{"error":\{"code":"NO_QUORUM".*may be missing anywhere/)
    }
  })

  it('tells ranges of what may be missing: those that touch as one, and not too many', () => {
    let ranges: readonly MissingKeys[] = []
    const add = (after: string | null, to: string | null) => {
      ranges = withMissing(ranges, { after, to })
    }
    add(null, 'b')
    add('b', 'd')
    add('f', 'g')
    assert.deepEqual(ranges, [
      { after: null, to: 'd' },
      { after: 'f', to: 'g' },
    ])
    const { message } = missingError(ranges, 'exported 5', 'export')
    assert.match(message, /exported 5, but keys may be missing up to "d" and after "f" up to "g":/)
    for (let i = 0; i < 20; i++) add(`h${i}`, `i${i}`)
    assert.equal(ranges.length, 8)
    assert.deepEqual(ranges.at(-1), { after: 'h5', to: 'i19' })
  })

  it('and a listing give what there is and end with 6 where keys may be missing, in every format', async () => {
    const { node } = cli.rig
    node.values.set('k/a', 'v')
    for (const format of ['human', 'raw', 'jsonl', 'json'] as const) {
      const ls = ['kv', 'ls', 'k/', '--limit', '1', '-o', format]
      node.partial = false
      const whole = await cli.run(...ls)
      node.partial = true
      const { status, out, err } = await cli.run(...ls)
      assert.deepEqual([whole.status, status], [0, 6])
      if (format === 'json') {
        const page = JSON.parse(whole.out) as { partial: boolean }
        assert.deepEqual(JSON.parse(out), { ...page, partial: true })
      } else assert.equal(out, whole.out)
      const line = err.replace(whole.err, '')
      if (format.startsWith('json')) {
        const { error } = JSON.parse(line) as { error: Record<string, unknown> }
        assert.deepEqual([error['code'], error['outcome']], ['NO_QUORUM', 'not-applied'])
        assert.match(String(error['message']), /^listed 1, but keys may be missing up to "k/)
      } else assert.match(line, /^error NO_QUORUM: listed 1, but keys .* too few .*atoll doctor/)
      const { err: all } = await cli.run('kv', 'export', 'k/', '-o', format)
      assert.match(all, /keys may be missing/)
    }
  })

  it('and a listing say between which keys', async () => {
    const { kv } = cli.rig.node
    for (let i = 0; i < 3000; i++) cli.rig.node.values.set(`k/${i}`, 'v')
    const { ls } = kv
    let asked = 0
    kv.ls = async (prefix, options) => ({ ...(await ls(prefix, options)), partial: ++asked === 2 })
    const { status, out, err } = await cli.run('kv', 'ls', 'k/', '-o', 'json')
    assert.equal(status, 6)
    const { entries, partial } = JSON.parse(out) as {
      readonly entries: readonly { readonly key: string }[]
      readonly partial: boolean
    }
    assert.equal(partial, true)
    const [, after, to] = /after \\"(\S+)\\" up to \\"(\S+)\\"/.exec(err) ?? []
    assert.deepEqual([after, to], [entries[999]?.key, entries[1999]?.key])
    kv.ls = ls
  })

  it('brings back counters, sets and what ends', async () => {
    const { values, types } = cli.rig.node
    values.clear()
    values
      .set('n', 5)
      .set('s', ['a', Uint8Array.of(255)])
      .set('t', 'v')
      .set('past', 'v')
    const expiresAtMs = Date.now() + 3_600_000
    types.set('n', { type: 'counter' }).set('s', { type: 'set' }).set('t', { expiresAtMs })
    types.set('past', { expiresAtMs: 1000 })
    await cli.run('kv', 'export', '--to', file)
    const lines = readFileSync(file, 'utf8').split('\n')
    assert.equal(lines[0], '{"key":"n","value":5,"type":"counter"}')
    assert.equal(lines[2], '{"key":"s","value":["a",{"base64":"/w=="}],"type":"set"}')
    values.clear()
    const { status, err } = await cli.run('kv', 'import', file)
    assert.deepEqual([status, err], [0, '1 key whose time is over: left out\n'])
    assert.deepEqual(
      [...values],
      [
        ['n', 5],
        ['s', ['a', Uint8Array.of(255)]],
        ['t', 'v'],
      ],
    )
    assert.deepEqual([types.get('n')?.type, types.get('s')?.type], ['counter', 'set'])
    assert.ok((types.get('t')?.expiresAtMs ?? 0) > FUTURE_MS + 3_500_000)
  })

  it('writes over no file', async () => {
    writeFileSync(file, 'mine')
    const { status, err } = await exported()
    assert.equal(status, 5)
    assert.match(
      err,
      /^error CONFLICT: .* is there already; nothing was written\. Go on with it by --resume/,
    )
    assert.equal(readFileSync(file, 'utf8'), 'mine')
    assert.equal((await cli.run('kv', 'export', '--to', '/nonexistent/x')).status, 2)
  })

  it('goes on where a file breaks off, wherever that is', async () => {
    await exported()
    const whole = readFileSync(file, 'utf8')
    const middle = whole.indexOf('\n', 60_000)
    for (const end of [
      0,
      1,
      7,
      20,
      38,
      39,
      40,
      middle,
      middle + 1,
      middle + 5,
      whole.length - 1,
      whole.length,
    ]) {
      writeFileSync(file, whole.slice(0, end))
      const { status, err } = await exported('--resume')
      assert.deepEqual([status, err], [0, ''], `at ${end}`)
      assert.equal(readFileSync(file, 'utf8'), whole, `at ${end}`)
    }
  })

  it('goes on after a line that is longer than what is read at once', async () => {
    cli.rig.node.values.set('k/00000', 'x'.repeat(300_000))
    await exported()
    const whole = readFileSync(file, 'utf8')
    for (const end of [300_100, 150_000, whole.indexOf('\n') + 1]) {
      writeFileSync(file, whole.slice(0, end))
      await exported('--resume')
      assert.equal(readFileSync(file, 'utf8'), whole)
    }
  })

  it('leaves a file alone that is no export, or one of other keys', async () => {
    for (const text of [
      'mine',
      'a\nb',
      'a\nb\n',
      '{"key":5}\n',
      '\n',
      '{"key":"other","value":1}\n',
    ]) {
      writeFileSync(file, text)
      const { status, err } = await exported('--resume')
      assert.equal(status, 2, text)
      assert.match(err, /is no export|does not begin with "k\/"/)
      assert.equal(readFileSync(file, 'utf8'), text)
    }
    assert.equal((await cli.run('kv', 'export', '--resume')).status, 2)
    assert.equal((await exported('--resume', '--after', 'k')).status, 2)
    assert.match(
      (await cli.run('kv', 'export', '--to', join(cli.dir, 'none'), '--resume')).err,
      /ENOENT/,
    )
  })

  it('that fails in the middle says how to go on', async () => {
    const { kv } = cli.rig.node
    const ls = kv.ls
    let pages = 0
    kv.ls = async (...args) => {
      if (++pages === 2) throw new AtollError('NO_QUORUM', '1 of 3 answered')
      return await ls(...args)
    }
    const failed = await exported()
    assert.equal(failed.status, 6)
    assert.match(failed.err, /with \d+ exported: 1 of 3 answered. Continue with --resume\n$/)
    assert.ok(existsSync(file))
    await exported('--resume')
    assert.equal(readFileSync(file, 'utf8').split('\n').length - 1, 5000)
    pages = 0
    const streamed = await cli.run('kv', 'export', 'k/')
    const [, after = ''] = /Continue with --after "(.*)"/.exec(streamed.err) ?? []
    const rest = await cli.run('kv', 'export', 'k/', '--after', after)
    assert.equal(streamed.out + rest.out, readFileSync(file, 'utf8'))
  })
})
