/** The contract that scripts rely on, with real daemons over real sockets and disks. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ATOLL, Machine, until } from './processes.ts'

describe('real daemons', function () {
  this.timeout(60_000)
  const machine = new Machine()
  const one = machine.daemon('one')
  const two = machine.daemon('two')
  after(() => machine.end())

  const at = (socket: string, ...words: readonly string[]) =>
    machine.atoll('--socket', socket, ...words)

  it('an empty directory: unclaimed, serves its socket, refuses to store', async () => {
    await using node = await one.start().connect()
    assert.equal((await node.status()).state, 'unclaimed')
    await assert.rejects(node.kv.put('k', 'v'), { code: 'UNCLAIMED' })
    assert.equal(statSync(one.socket).mode & 0o777, 0o600)
    assert.equal(statSync(one.data).mode & 0o777, 0o700)
  })

  it('init founds a cluster, once', async () => {
    const first = await at(one.socket, 'init', '-o', 'json')
    assert.equal(first.status, 0, first.err)
    const { clusterId } = JSON.parse(first.out) as { clusterId: string }
    const status = JSON.parse((await at(one.socket, 'status', '-o', 'json')).out) as object
    assert.deepEqual({ ...status, clusterId, name: 'one' }, status)
    const again = await at(one.socket, 'init')
    assert.equal(again.status, 5)
    assert.match(again.err, /^error ALREADY_CLAIMED: /)
  })

  it('join by a ticket; both know both, by the shape that scripts expect', async () => {
    const { out, status } = await at(one.socket, 'ticket', 'create', '--uses', '1', '--ttl', '1m')
    assert.equal(status, 0)
    assert.match(out, /^\S+\n$/)
    writeFileSync(join(machine.root, 'ticket'), out)
    await using node = await two.start('--join', `@${join(machine.root, 'ticket')}`).connect()
    await until('two alive', async () => (await node.status()).members.alive === 2)
    const listed = await at(one.socket, 'member', 'ls', '-o', 'json')
    const members = JSON.parse(listed.out) as Record<string, unknown>[]
    assert.deepEqual(new Set(members.map(({ name }) => name)), new Set(['one', 'two']))
    for (const member of members) {
      assert.equal(member['state'], 'alive')
      for (const field of ['id', 'addresses', 'tags', 'incarnation']) assert.ok(field in member)
    }
  })

  it('refuses a used ticket with status 7, and stays as it was', async () => {
    const third = machine.daemon('third').start('--join', `@${join(machine.root, 'ticket')}`)
    const { status, err } = await third.ended()
    assert.match(err, /^error (TICKET_INVALID|DENIED): /m)
    assert.equal(status, 7)
    await using node = await third.start().connect()
    assert.equal((await node.status()).state, 'unclaimed')
  })

  it('what is put at one is read at the other', async () => {
    const put = await at(one.socket, 'kv', 'put', 'color', 'blue')
    assert.match(put.out, /^ok {2}acks \d\/\d, durable/)
    const got = await at(two.socket, 'kv', 'get', 'color', '-o', 'json')
    const read = JSON.parse(got.out) as Record<string, unknown>
    assert.equal(read['value'], 'blue')
    for (const field of ['key', 'context', 'acks', 'others', 'partial']) assert.ok(field in read)
    assert.equal((await at(two.socket, 'kv', 'ls', 'col', '-o', 'raw')).out, 'color\n')
    assert.equal((await at(two.socket, 'kv', 'get', 'none')).status, 4)
  })

  it('writers that did not see each other are siblings, and a context resolves them', async () => {
    type Found = { value: string; expiresAtMs?: number }
    type All = { key: string; siblings: Found[]; context: string }
    const all = async (): Promise<All> =>
      JSON.parse((await at(two.socket, 'kv', 'get', 'k', '--siblings', '-o', 'json')).out) as All
    const { context: none, siblings } = await all()
    assert.deepEqual(siblings, [])
    await at(one.socket, 'kv', 'put', 'k', 'ends', '--ttl', '1h', '--write', 'all')
    await at(one.socket, 'kv', 'put', 'k', 'stays', '--context', none, '--write', 'all')
    const both = await all()
    const [stays, ends] = both.siblings
    assert.deepEqual([both.key, stays, ends?.value], ['k', { value: 'stays' }, 'ends'])
    assert.ok(Number(ends?.expiresAtMs) > Date.now() + 3_500_000, String(ends?.expiresAtMs))
    assert.match(
      (await at(two.socket, 'kv', 'ls', 'k')).out,
      /^k {2}stays {2}\(1 of 2 siblings\)$/m,
    )
    const resolved = ['kv', 'put', 'k', 'one', '--context', both.context, '--write', 'all']
    await at(two.socket, ...resolved)
    assert.deepEqual((await all()).siblings, [{ value: 'one' }])
    const line = (
      await at(one.socket, 'kv', 'ls', 'k', '--after', 'j', '--limit', '1', '-o', 'jsonl')
    ).out
    assert.deepEqual(JSON.parse(line), { key: 'k', value: 'one', siblingCount: 1 })
    await at(one.socket, 'kv', 'del', 'k')
  })

  it('a put says that it has replaced a set', async () => {
    await at(one.socket, 'kv', 'set', 'add', 'was-a-set', 'x', '--write', 'all')
    const { err } = await at(two.socket, 'kv', 'put', 'was-a-set', 'v')
    assert.equal(err, 'it replaced a set, which is gone now\n')
    await at(two.socket, 'kv', 'del', 'was-a-set')
  })

  it('a large value reaches a slow reader whole', async () => {
    const value = 'x'.repeat(1_000_000)
    const file = join(machine.root, 'large')
    writeFileSync(file, value)
    const put = await at(one.socket, 'kv', 'put', 'large', `@${file}`)
    assert.equal(put.status, 0, put.err)
    const { out } = await machine.piped(['--socket', one.socket, 'kv', 'get', 'large'], 300)
    assert.equal(out.trimEnd().length, value.length)
  })

  it('an output that cannot be written is a failure', async function () {
    if (!existsSync('/dev/full')) this.skip()
    for (const words of [['status'], ['kv', 'export']]) {
      const command = [process.execPath, ATOLL, '--socket', one.socket, ...words].join(' ')
      const { status, err } = await machine.run('sh', ['-c', `${command} > /dev/full`])
      assert.deepEqual([status, err], [1, 'error: standard output cannot be written (ENOSPC)\n'])
    }
  })

  it('imports a file, and exports the same', async () => {
    const lines = Array.from({ length: 500 }, (_, i) =>
      JSON.stringify({ key: `in/${String(i).padStart(3, '0')}`, value: `value ${i}` }),
    )
    const file = join(machine.root, 'in.jsonl')
    writeFileSync(file, `${lines.join('\n')}\n`)
    const imported = await at(one.socket, 'kv', 'import', file)
    assert.equal(imported.status, 0, imported.err)
    const { out } = await at(two.socket, 'kv', 'export', 'in/')
    assert.deepEqual(out, readFileSync(file, 'utf8'))
  })

  it('refuses keys and values over their limit, and names it', async () => {
    await using node = await one.connect()
    await assert.rejects(node.kv.put('k'.repeat(2000), 'v'), { code: 'TOO_LARGE' })
    await assert.rejects(node.kv.put('k', 'v'.repeat(2 * 1024 * 1024)), { code: 'TOO_LARGE' })
  })

  it('SIGTERM: ends with 0, leaves no socket, comes back as the same member', async () => {
    await using before = await two.connect()
    const { id } = await before.status()
    const { status } = await two.signal('SIGTERM')
    assert.equal(status, 0)
    assert.throws(() => statSync(two.socket), { code: 'ENOENT' })
    await using node = await two.start('--join', 'atoll1nonsense').connect()
    assert.equal((await node.status()).id, id)
    await until('two alive', async () => (await node.status()).members.alive === 2)
  })

  it('kill −9: nothing that was acknowledged is lost, the stale socket is replaced', async () => {
    await two.signal('SIGKILL')
    assert.ok(statSync(two.socket).isSocket())
    await using node = await two.start().connect()
    await until('the value', async () => (await node.kv.get('color'))?.value === 'blue')
  })

  it('leave: the daemon says goodbye and ends with 0', async () => {
    const left = await at(two.socket, 'leave')
    assert.equal(left.status, 0, left.err)
    assert.equal((await two.ended()).status, 0, two.log)
    await using node = await one.connect()
    await until('gone', async () => (await node.status()).members.alive === 1)
    assert.equal((await node.kv.get('color'))?.value, 'blue')
  })
})
