/** A majority is lost for good; what its survivors hold lives on in a new cluster. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Recovered } from '../../src/node/recover/recover.ts'
import { Machine, until } from './processes.ts'

const KEYS = 40
const REGISTERS = 10

describe('recover --offline', function () {
  this.timeout(60_000)
  const machine = new Machine()
  const old = ['a', 'b', 'c'].map((name) => machine.daemon(name))
  const [a, b, c] = old as [(typeof old)[0], (typeof old)[0], (typeof old)[0]]
  const into = join(machine.root, 'new')
  after(() => machine.end())

  const recover = (...words: readonly string[]) => machine.atoll('recover', ...words)
  let clusterId = ''
  let lastVersion = ''

  before(async () => {
    await using first = await a.start('--init').connect()
    clusterId = (await first.status()).clusterId
    const { ticket } = await first.ticket.create({ uses: 0 })
    writeFileSync(join(machine.root, 'ticket'), ticket)
    b.start('--join', `@${join(machine.root, 'ticket')}`)
    c.start('--join', `@${join(machine.root, 'ticket')}`)
    await until('three hold data', async () => {
      const { members, partitions } = await first.topology.show()
      return members.length === 3 && partitions.every(({ previous }) => previous === null)
    })
    for (let i = 0; i < KEYS; i++) await first.kv.put(`key/${i}`, `old ${i}`, { write: 'all' })
    await first.kv.del('key/0', { write: 'all' })
    for (let i = 0; i < REGISTERS; i++) await first.reg.set(`reg/${i}`, `old ${i}`)
    await first.reg.incr('hits', 3, { opId: 'visit' })
    await until('c has voted', async () => {
      const { register } = await first.explain('hits')
      return new Set(register.replicas.map(({ version }) => version)).size === 1
    })
    await c.signal('SIGKILL')
    // c misses these; a and b are a majority.
    for (let i = 1; i < KEYS; i += 2) await first.kv.put(`key/${i}`, `new ${i}`)
    await first.reg.del('reg/0')
    for (let i = 1; i < REGISTERS; i += 2) {
      lastVersion = (await first.reg.set(`reg/${i}`, `new ${i}`)).version
    }
    await a.signal('SIGKILL')
  })

  it('refuses what it was not told, what is no directory of a member, and what runs', async () => {
    const wrong = [
      [['--data', a.data, '--into', into], 2, /--offline/],
      [['--offline', '--into', into], 2, /--data DIR/],
      [['--offline', '--data', join(machine.root, 'none'), '--into', into], 2, /none is no data/],
      [
        ['--offline', '--data', a.data, b.data, '--into', into],
        1,
        /DIR_LOCKED: .*\/b".*Stop its daemon/,
      ],
      [['--offline', '--data', c.data, '--into', machine.root], 5, /CONFLICT: .* is not empty/],
    ] as const
    for (const [words, status, message] of wrong) {
      const ended = await recover(...words)
      assert.equal(ended.status, status, ended.err)
      assert.match(ended.err, message)
    }
    assert.ok(!existsSync(join(machine.root, 'none')), 'a mistyped name makes no directory')
    assert.ok(!existsSync(into), 'nothing was begun')
  })

  it('takes over what the survivors hold, each key the newest that any of them has', async () => {
    await b.signal('SIGKILL')
    const words = ['--offline', '--data', b.data, c.data, '--into', into, '-o', 'json']
    const { status, out, err } = await recover(...words)
    assert.equal(status, 0, err)
    const result = JSON.parse(out) as Recovered
    assert.deepEqual(result.taken, { keys: KEYS, registers: REGISTERS })
    assert.deepEqual(result.partitions, { all: 256, missing: [], doubtful: [] })
    assert.equal(result.from.clusterId, clusterId)
    assert.notEqual(result.clusterId, clusterId)
    const again = await recover('--offline', '--data', b.data, '--into', into)
    assert.equal(again.status, 5, 'it is somebody’s by now')
    const fresh = machine.daemon('new')
    await using node = await fresh.start().connect()
    await until('it runs', async () => (await node.status()).state === 'running')
    assert.equal((await node.status()).clusterId, result.clusterId)
    for (let i = 1; i < KEYS; i++) {
      const read = await node.kv.get(`key/${i}`)
      assert.equal(read?.value, i % 2 === 1 ? `new ${i}` : `old ${i}`)
      assert.deepEqual(read?.others, [])
    }
    assert.equal(await node.kv.get('key/0'), null, 'what was deleted stays so')
    await node.kv.put('key/1', 'newest')
    assert.equal((await node.kv.get('key/1'))?.others.length, 0)
    assert.equal(await node.reg.get('reg/0'), null, 'a deleted register stays so')
    for (let i = 1; i < REGISTERS; i++) {
      const read = await node.reg.get(`reg/${i}`)
      assert.equal(read?.value, i % 2 === 1 ? `new ${i}` : `old ${i}`)
      assert.ok((read?.version ?? '') > lastVersion, 'versions do not go back')
    }
    const again0 = await node.reg.set('reg/0', 'anew')
    assert.ok(again0.version > lastVersion)
    await assert.rejects(node.reg.set('reg/1', 'x', { ifVersion: lastVersion }), {
      code: 'CONFLICT',
    })
    assert.equal((await node.reg.incr('hits', 3, { opId: 'visit' })).value, 3, 'once, as before')
    assert.equal((await node.reg.incr('hits')).value, 4)
    const { ticket } = await node.ticket.create({ uses: 1 })
    writeFileSync(join(machine.root, 'ticket2'), ticket)
    machine.daemon('d').start('--join', `@${join(machine.root, 'ticket2')}`)
    await until('another joins, and holds all', async () => {
      const { members, partitions } = await node.topology.show()
      return members.length === 2 && partitions.every(({ previous }) => previous === null)
    })
    assert.equal((await node.reg.get('reg/1'))?.value, 'new 1')
    assert.equal((await node.reg.get('hits'))?.value, 4)
  })

  it('says which partitions lost more than copies', async () => {
    const other = join(machine.root, 'other')
    const ended = await recover('--offline', '--data', c.data, '--into', other)
    assert.equal(ended.status, 0, ended.err)
    assert.match(
      ended.out,
      /^ok {2}40 keys, 11 registers of 1 disk are in .*\/other, cluster \w{26}\n/,
    )
    assert.match(ended.err, /too few copies of 256 of 256 partitions \(0 1 2 .* …\)/)
    const alone = machine.daemon('other')
    await using node = await alone.start().connect()
    await until('it runs', async () => (await node.status()).state === 'running')
    const read = await node.reg.get('reg/1')
    assert.equal(read?.value, 'old 1', 'what the disk missed is lost')
    assert.ok(read.version > lastVersion, 'and yet versions do not go back')
    assert.equal((await node.reg.get('reg/0'))?.value, 'old 0')
    await alone.signal('SIGTERM')
    const both = ['--offline', '--data', b.data, other, '--into', join(machine.root, 'both')]
    const mixed = await recover(...both)
    assert.equal(mixed.status, 5)
    assert.match(mixed.err, /are of two clusters/)
    mkdirSync(join(machine.root, 'empty'))
    const fine = await recover('--offline', '--data', c.data, '--into', join(machine.root, 'empty'))
    assert.equal(fine.status, 0, 'an empty directory will do')
    assert.ok(readdirSync(c.data).includes('identity'), 'the old ones stay')
  })
})
