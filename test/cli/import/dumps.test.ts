/** Moving in: dumps of other stores through `kv import`. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AtollError } from '../../../src/base/errors.ts'
import { TTL_MS_MAX } from '../../../src/store/limits.ts'
import { FUTURE_MS } from '../../rpc/fake-node.ts'
import { CliRig } from '../cli-rig.ts'
import { key, length, rdb, str, time } from './rdb-writer.ts'

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)

describe('kv import of other stores', () => {
  let cli: CliRig
  beforeEach(async () => {
    cli = await CliRig.open()
  })
  afterEach(() => cli.close())

  const values = () => cli.rig.node.values
  const written = (bytes: string | Buffer) => {
    const file = join(cli.dir, 'dump')
    writeFileSync(file, bytes)
    return file
  }

  it('etcd: what etcdctl get prints; keys on a lease are left out and counted', async () => {
    const { status, out, err } = await cli.run('kv', 'import', fixture('etcd.json'))
    assert.equal(values().get('config/color'), 'blue')
    assert.equal(values().get('config/empty'), '')
    assert.equal(values().get('config/h€'), '{"a":1}')
    assert.deepEqual(values().get('config/bytes'), Uint8Array.of(255, 0))
    assert.equal(values().get('many/19'), '19')
    assert.equal(values().has('services/api'), false)
    assert.equal(values().size, 14)
    assert.match(out, /^imported 14 in/)
    assert.match(
      err,
      /^1 key on a lease of etcd .*: left out\nerror USAGE: 1 entry was skipped; it was done in part/,
    )
    assert.equal(status, 2)
  })

  it('etcd: several pages after each other are one dump, and a missing page is said', async () => {
    const whole = await cli.run('kv', 'import', fixture('etcd-pages.json'))
    assert.deepEqual([whole.status, whole.err, values().size], [0, '', 10])
    const [page] = readFileSync(fixture('etcd-pages.json'), 'utf8').split('\n')
    const first = await cli.run('kv', 'import', written(page ?? ''))
    assert.match(first.err, /there is more than this dump has/)
  })

  it('consul: what consul kv export prints; flags are said to be lost', async () => {
    const { status, err } = await cli.run('kv', 'import', fixture('consul.json'))
    assert.equal(status, 0)
    assert.equal(err, '2 keys with flags of Consul, which are not kept\n')
    assert.deepEqual(
      [...values()],
      [
        ['app/', ''],
        ['app/color', 'blue'],
        ['app/bytes', Uint8Array.of(255, 0)],
        ['app/lock', '{"a":1}'],
      ],
    )
  })

  it('redis: an RDB file', async () => {
    const { status, out, err } = await cli.run('kv', 'import', fixture('redis.rdb'))
    assert.equal(status, 2)
    assert.match(out, /^imported 22 in/)
    assert.ok((cli.rig.node.types.get('expires-late')?.expiresAtMs ?? 0) > FUTURE_MS)
    assert.match(err, /entry \d+: "stream": a stream has no counterpart here; skipped/)
    assert.match(err, /entry \d+: 0xff6b6579: the key is not UTF-8; skipped/)
    assert.match(err, /1 key in database 3 of Redis \(import it by itself: --db 3\): left out/)
    assert.match(err, /libraries of functions left out: 1/)
    assert.equal(values().get('int64'), '1234567890123456789')
    assert.deepEqual(values().get('bytes'), Uint8Array.of(255, 0, 1))
    assert.deepEqual(values().get('set-16'), ['-3', '1', '2'])
    assert.equal(cli.rig.node.types.get('set-16')?.type, 'set')
    assert.equal(cli.rig.node.types.get('list-small')?.type, undefined)
    assert.deepEqual(values().get('hash-small'), { color: 'blue', n: '5', json: '{"a":1}' })
    assert.deepEqual(values().get('hash-sole'), { base64: 'AA==' }, 'JSON, not bytes')
    assert.deepEqual(values().get('hash-bytes'), { f: { base64: 'wyg=' } })
    assert.deepEqual(values().get('zset-small'), [
      ['least', '-inf'],
      ['one', 1],
      ['two', 2.5],
      ['most', 'inf'],
    ])
    const plain = values().get('zset-plain') as unknown as [string, number][]
    assert.deepEqual(
      plain.map(([member]) => member),
      Array.from({ length: 12 }, (_, i) => `m${i + 1}`),
    )
  })

  it('redis: one database, when it is asked for', async () => {
    const { status, out, err } = await cli.run('kv', 'import', fixture('redis.rdb'), '--db', '3')
    assert.deepEqual([...values()], [['elsewhere', 'v']])
    assert.equal(status, 0)
    assert.match(out, /^ok {2}imported 1 in/)
    assert.match(err, /^24 keys in database 0 of Redis: left out\n/)
  })

  it('redis: what has expired is left out, and is no fault', async () => {
    const past = Buffer.concat([Buffer.of(252), time(1_000), key(0, 'past', str('v'))])
    const { status, err } = await cli.run(
      'kv',
      'import',
      written(rdb([past, key(0, 'k', str('v'))])),
    )
    assert.deepEqual([status, err], [0, '1 key whose time is over: left out\n'])
    assert.deepEqual([...values()], [['k', 'v']])
  })

  it('redis: what expires goes on to, and sets hold bytes too', async () => {
    const expiry = Buffer.concat([Buffer.of(252), time(Date.now() + 3_600_000)])
    const set = key(2, 's', length(2), str('a'), str(Buffer.of(255)))
    const dump = rdb([Buffer.concat([expiry, key(0, 'k', str('v'))]), set])
    const { status, err } = await cli.run('kv', 'import', written(dump))
    assert.deepEqual([status, err], [0, ''])
    const ttlMs = (cli.rig.node.types.get('k')?.expiresAtMs ?? 0) - FUTURE_MS
    assert.ok(ttlMs > 3_500_000 && ttlMs <= 3_600_000, `${ttlMs}`)
    assert.equal(cli.rig.node.types.get('s')?.expiresAtMs, undefined)
    assert.deepEqual(values().get('s'), ['a', Uint8Array.of(255)])
    const never = Buffer.concat([Buffer.of(252), time(2 ** 52), key(0, 'k', str('v'))])
    const { err: said } = await cli.run('kv', 'import', written(rdb([never])))
    assert.equal(said, '1 key that end earlier than they should: in a century\n')
    assert.equal(cli.rig.node.types.get('k')?.expiresAtMs, FUTURE_MS + TTL_MS_MAX)
  })

  it('redis: a field of a hash may have any name', async () => {
    const hash = key(4, 'h', length(2), str('__proto__'), str('1'), str('constructor'), str('2'))
    await cli.run('kv', 'import', written(rdb([hash])))
    assert.equal(JSON.stringify(values().get('h')), '{"__proto__":"1","constructor":"2"}')
    const odd = key(4, 'h', length(1), str(Buffer.of(255)), str('1'))
    assert.match(
      (await cli.run('kv', 'import', written(rdb([odd])))).err,
      /"h": the field 0xff of the hash is not/,
    )
  })

  it('a damaged or cut RDB file changes nothing', async () => {
    const file = readFileSync(fixture('redis.rdb'))
    const other = Buffer.from(file)
    other[200] = (other[200] ?? 0) ^ 1
    for (const bad of [other, file.subarray(0, -20), file.subarray(0, 12)]) {
      const { status, err } = await cli.run('kv', 'import', written(bad))
      assert.equal(status, 2)
      assert.match(err, /^error USAGE: the RDB file is damaged: .*cut off; nothing was changed\n$/)
    }
    assert.equal(values().size, 0)
  })

  it('a dump that breaks off says where to resume, and is resumed there', async () => {
    const whole = readFileSync(fixture('etcd.json'), 'utf8')
    const cut = whole.slice(0, whole.indexOf('bWFueS8xMw'))
    const { status, err } = await cli.run('kv', 'import', written(cut))
    assert.equal(status, 2)
    assert.match(
      err,
      /at entry 8, with 7 imported: the input ends too early, at byte \d+; it was done in part/,
    )
    assert.match(err, /Continue with --resume-from 8/)
    const rest = await cli.run('kv', 'import', written(whole), '--resume-from', '8')
    assert.match(rest.out, /^imported 7 in/)
    assert.equal(values().size, 14)
    const after = await cli.run('kv', 'import', written('[] x'))
    assert.match(after.err, /goes on after its end, at byte 3/)
  })

  it('an RDB file from a pipe that breaks off says so as well', async () => {
    const file = readFileSync(fixture('redis.rdb'))
    const pipe = join(cli.dir, 'pipe')
    spawn('sh', [
      '-c',
      `mkfifo ${pipe} && head -c ${file.length - 300} ${fixture('redis.rdb')} > ${pipe}`,
    ])
    const { existsSync } = await import('node:fs')
    while (!existsSync(pipe)) await new Promise<void>((resolve) => void setImmediate(resolve))
    const { err } = await cli.run('kv', 'import', pipe)
    assert.match(err, /at entry \d+, with \d+ imported: .*Continue with --resume-from \d+/)
    assert.ok(values().size > 0)
  })

  it('a failure of the store says the entry to resume from', async () => {
    cli.rig.node.failure = new AtollError('STORAGE_FAILED', 'the disk failed')
    const { status, err } = await cli.run('kv', 'import', fixture('consul.json'))
    assert.equal(status, 1)
    assert.match(err, /at entry 1, with 0 imported: the disk failed.*--resume-from 1/)
  })

  it('the kind is recognised, or told, and what cannot be read is named', async () => {
    const from = async (file: string, ...more: string[]) => {
      const { out } = await cli.run('kv', 'import', file, '-o', 'json', ...more)
      return (JSON.parse(out) as { from: string }).from
    }
    assert.equal(await from(written('  {"header":{},"kvs":[]}')), 'etcd')
    assert.equal(await from(written('\n[]')), 'consul')
    assert.equal(await from(written('{"key":"k","value":1}')), 'atoll')
    assert.equal(await from(written('')), 'atoll')
    assert.equal(await from(written('{"count":0}'), '--from', 'etcd'), 'etcd')
    assert.match(
      (await cli.run('kv', 'import', written('[{"key":"a"}]'), '--from', 'etcd')).err,
      /^error USAGE: the input is of consul, not of etcd; nothing was changed/,
    )
    assert.match(
      (await cli.run('kv', 'import', written('[]'), '--from', 'redis')).err,
      /damaged: it is cut off/,
    )
    assert.match(
      (await cli.run('kv', 'import', written('[]'), '--from', 'zookeeper')).err,
      /etcd, consul, redis/,
    )
    const unread = { 'etcd-snapshot-head.db': /a snapshot of etcd.*etcdctl get/ }
    for (const [name, says] of Object.entries(unread)) {
      const { status, err } = await cli.run('kv', 'import', fixture(name))
      assert.equal(status, 2)
      assert.match(err, says)
    }
    assert.match(
      (await cli.run('kv', 'import', written(Buffer.of(0x1f, 0x8b, 8)))).err,
      /by gzip.*gunzip/,
    )
    assert.match((await cli.run('kv', 'import', written('VALKEY080'))).err, /Valkey 9/)
  })

  it('entries that are wrong are named by number, a few of them', async () => {
    const one = (json: object) => JSON.stringify(json)
    const bad = [
      one({ key: 'k', value: 'no base64!' }),
      one({ value: '' }),
      one({ key: '', value: '' }),
      '5',
    ]
    const { err, status } = await cli.run('kv', 'import', written(`[${bad.join()}]`))
    assert.equal(status, 2)
    assert.match(err, /entry 1: the value of "k" is not base64; skipped/)
    assert.match(err, /entry 2: "key" is missing/)
    assert.match(err, /entry 3: .*key/)
    assert.match(err, /entry 4: must be Object/)
    const many = Array.from({ length: 30 }, () => '5').join()
    const said = (await cli.run('kv', 'import', written(`[${many}]`))).err
    assert.equal(said.match(/^entry/gm)?.length, 20)
    assert.match(
      said,
      /further such entries are only counted\nerror USAGE: 30 entries were skipped/,
    )
  })
})
