/** `kv counter`, `kv set`, values that end, and all values of a key, as people and scripts see them. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FUTURE_MS } from '../rpc/fake-node.ts'
import { CliRig } from './cli-rig.ts'

describe('kv counter, kv set and values that end', () => {
  let cli: CliRig
  beforeEach(async () => {
    cli = await CliRig.open()
  })
  afterEach(() => cli.close())

  const outOf = async (...words: readonly string[]): Promise<string> => {
    const { status, out, err } = await cli.run(...words)
    assert.deepEqual([status, err], [0, ''], words.join(' '))
    return out
  }

  it('counters: one by default, any whole number, and what they stand at', async () => {
    assert.equal(await outOf('kv', 'counter', 'add', 'hits'), '1\n')
    assert.equal(await outOf('kv', 'counter', 'add', 'hits', '41', '--write', 'all'), '42\n')
    assert.equal(await outOf('kv', 'counter', 'add', 'hits', '-2', '-o', 'raw'), '40\n')
    assert.equal(await outOf('kv', 'counter', 'get', 'hits'), '40\n')
    const json = JSON.parse(await outOf('kv', 'counter', 'get', 'hits', '-o', 'json')) as object
    assert.deepEqual(json, {
      key: 'hits',
      value: 40,
      type: 'counter',
      context: 'v1',
      others: [],
      acks: 3,
      replicas: 3,
      partial: false,
    })
    const none = await cli.run('kv', 'counter', 'get', 'none')
    assert.deepEqual([none.status, none.out], [4, ''])
    for (const odd of ['1.5', 'x', '9007199254740993']) {
      assert.equal((await cli.run('kv', 'counter', 'add', 'hits', odd)).status, 2, odd)
    }
  })

  it('sets: elements as values, one a line', async () => {
    const file = join(cli.dir, 'element')
    writeFileSync(file, Uint8Array.of(0, 255))
    const added = await outOf('kv', 'set', 'add', 'tags', 'red', 'blue', `@${file}`)
    assert.equal(added, 'ok  3 added · acks 3/3, durable\n')
    assert.equal(await outOf('kv', 'set', 'add', 'tags', 'red', '-o', 'raw'), '0\n')
    const removed = await outOf('kv', 'set', 'rm', 'tags', 'blue', 'green')
    assert.equal(removed, 'ok  1 removed · acks 1/3, durable · partial: 2 copies pending\n')
    assert.equal(await outOf('kv', 'set', 'ls', 'tags', '-o', 'raw'), '{"base64":"AP8="}\nred\n')
    const lines = await outOf('kv', 'set', 'ls', 'tags', '-o', 'jsonl')
    assert.equal(lines, '{"base64":"AP8="}\n"red"\n')
    assert.equal(await outOf('kv', 'set', 'ls', 'none'), '')
    assert.equal((await cli.run('kv', 'set', 'add', 'tags')).status, 2)
  })

  it('tell who means a value, or a condition, where these are', async () => {
    for (const [words, hint] of [
      [['kv', 'set', 'color', 'blue'], /kv put KEY VALUE/],
      [['kv', 'put', 'k', 'v', '--if-version', 'v1'], /reg set --help/],
      [['kv', 'put', 'k', 'v', '--fence', '7'], /reg set --help/],
      [['kv', 'counter', 'add', 'k', '--if-version', 'v1'], /reg set --help/],
      [['kv', 'counter', 'k'], /kv counter --help/],
    ] as const) {
      const { status, err } = await cli.run(...words)
      assert.equal(status, 2, words.join(' '))
      assert.match(err, hint, words.join(' '))
    }
  })

  it('values that end: --ttl in words of time', async () => {
    await outOf('kv', 'put', 'k', 'v', '--ttl', '10s')
    assert.deepEqual(cli.rig.node.types.get('k'), { expiresAtMs: FUTURE_MS + 10_000 })
    const { status, err } = await cli.run('kv', 'put', 'k', 'v', '--ttl', '0s')
    assert.equal(status, 2)
    assert.match(err, /--ttl/)
  })

  it('say when a value ends where a person looks, and not to a pipe', async () => {
    const { values, types } = cli.rig.node
    values.set('k', 'v')
    types.set('k', { expiresAtMs: Date.now() + 90_000 })
    assert.match(await outOf('kv', 'ls'), /^k {2}v {2}\(ends in 1m \d+s\)$/m)
    assert.equal(await outOf('kv', 'ls', '-o', 'raw'), 'k\n')
    const piped = await cli.run('kv', 'get', 'k')
    assert.deepEqual([piped.out, piped.err], ['v\n', ''])
    cli.outIsTerminal = true
    const seen = await cli.run('kv', 'get', 'k')
    assert.equal(seen.out, 'v\n')
    assert.match(seen.err, /^ends in 1m \d+s\n$/)
    const all = await cli.run('kv', 'get', 'k', '--siblings')
    assert.match(all.err, /^2 values · --context v1\nvalue 1 ends in 1m \d+s\n$/)
    const json = JSON.parse(await outOf('kv', 'get', 'k', '--siblings', '-o', 'json')) as object
    assert.deepEqual(Reflect.get(json, 'siblings'), [
      { value: 'v', expiresAtMs: types.get('k')?.expiresAtMs },
      { value: 'another' },
    ])
  })

  it('a put that replaces a counter or a set says so', async () => {
    await outOf('kv', 'put', 'k', 'v')
    const plain = await cli.run('kv', 'put', 'k', 'w')
    assert.equal(plain.err, '')
    cli.rig.node.types.set('k', { type: 'set' })
    const { out, err } = await cli.run('kv', 'put', 'k', 'v')
    assert.equal(out, 'ok  acks 3/3, durable\n')
    assert.match(err, /replaced a set/)
    cli.rig.node.types.set('k', { type: 'counter' })
    const json = JSON.parse(await outOf('kv', 'put', 'k', 'v', '-o', 'json')) as object
    assert.equal(Reflect.get(json, 'replaced'), 'counter')
  })

  it('all values of a key, with the context that covers them', async () => {
    cli.rig.node.values.set('k', 'v')
    const { out, err } = await cli.run('kv', 'get', 'k', '--siblings')
    assert.equal(out, 'v\nanother\n')
    assert.equal(err, '2 values · --context v1\n')
    const json = await outOf('kv', 'get', 'k', '--siblings', '-o', 'json')
    const answered = { acks: 3, replicas: 3, partial: false }
    assert.deepEqual(JSON.parse(json), {
      key: 'k',
      siblings: [{ value: 'v' }, { value: 'another' }],
      context: 'v1',
      ...answered,
    })
    const none = await outOf('kv', 'get', 'none', '--siblings', '-o', 'json')
    assert.deepEqual(JSON.parse(none), { key: 'none', siblings: [], context: 'v1', ...answered })
    assert.equal(await outOf('kv', 'get', 'k', '--siblings', '-o', 'raw'), 'v\nanother\n')
  })

  it('export and import keep what is a counter, a set, and when a value ends', async () => {
    const { values, types } = cli.rig.node
    const ends = { expiresAtMs: FUTURE_MS }
    values.set('counter', 5)
    types.set('counter', { type: 'counter' })
    values.set('ends', 'v')
    types.set('ends', ends)
    values.set('set', ['x', Uint8Array.of(0, 255), { base64: 'no bytes' }])
    types.set('set', { type: 'set' })
    const lines = await outOf('kv', 'export')
    assert.deepEqual(lines.trimEnd().split('\n'), [
      '{"key":"counter","value":5,"type":"counter"}',
      `{"key":"ends","value":"v","expiresAtMs":${FUTURE_MS}}`,
      '{"key":"set","value":["x",{"base64":"AP8="},{"json":{"base64":"no bytes"}}],"type":"set"}',
    ])
    const before = new Map(values)
    values.clear()
    types.clear()
    const file = join(cli.dir, 'all.jsonl')
    writeFileSync(file, `${lines}{"key":"past","value":1,"expiresAtMs":1000}\n`)
    const { status, out, err } = await cli.run('kv', 'import', file)
    assert.equal(status, 0)
    assert.match(out, /imported 3/)
    assert.match(err, /1 key whose time is over: left out/)
    assert.deepEqual(values, before)
    assert.deepEqual(
      [types.get('counter'), types.get('set')],
      [{ type: 'counter' }, { type: 'set' }],
    )
    const left = (types.get('ends')?.expiresAtMs ?? 0) - FUTURE_MS
    assert.ok(Math.abs(left - (FUTURE_MS - Date.now())) < 60_000)
  })
})
