/** What `explain` prints of a key of the store: every case on one screen, and all of it as JSON. */
import assert from 'node:assert/strict'
import { explain } from '../../src/cli/explain-view.ts'
import type { Explanation, ReplicaExplanation } from '../../src/node/api.ts'
import { FakeNode } from '../rpc/fake-node.ts'
import { CliRig } from './cli-rig.ts'

const plain = (_colour: string, text: string): string => text

function write(kind: ReplicaExplanation['writes'][number]['kind'], more: object = {}) {
  return { kind, bytes: 4, count: 1, by: 'a', expiresAtMs: null, ...more }
}

function replica(name: string, more: Partial<ReplicaExplanation> = {}): ReplicaExplanation {
  return {
    storageId: name.repeat(26),
    name,
    state: 'alive',
    part: 'replica',
    rank: 1,
    load: 80,
    loadMax: 94,
    context: 'v1',
    siblingCount: 1,
    answered: true,
    isCurrent: true,
    writes: [write('text')],
    ...more,
  }
}

async function shown(change: Partial<Explanation>): Promise<string> {
  const found = await new FakeNode().explain('color')
  // The view reads only; what a result has is mutable by its type.
  const whole = structuredClone({ ...found, ...change }) as Parameters<typeof explain.human>[0]
  return explain.human(whole, plain)
}

describe('explain', () => {
  it('tells place, replicas and lookup', async () => {
    const text = await shown({
      replicas: [
        replica('a'),
        replica('b', { rank: 2, load: 94 }),
        replica('c', { rank: 12, state: 'dead', answered: false, context: '', writes: [] }),
      ],
      passed: [
        { storageId: 'd', name: 'd', rank: 3, reason: 'full' },
        { storageId: 'e', name: 'e', rank: 4, reason: 'same-zone' },
      ],
    })
    assert.match(text, /^partition +7 of 256, here since topology 3$/m)
    assert.match(text, /^replicas +a {2}alive {2}nearest +80\/94 partitions {2}kv: text 4 B by a$/m)
    assert.match(text, /^ +b {2}alive {2}2nd nearest +94\/94 partitions {2}kv: text 4 B by a$/m)
    assert.match(text, /^ +c {2}dead +12th nearest +80\/94 partitions {2}no answer$/m)
    assert.match(text, /^passed +d {2}3rd nearest: full$/m)
    assert.match(text, /^ +e {2}4th nearest: a replica is in its zone$/m)
    assert.match(text, /^context +v1 {2}a b$/m)
    assert.match(text, /^lookup +c a {2}in 120 ms$/m)
    assert.match(text, /^ +b is down$/m)
  })

  it('tells what each replica holds, of every kind', async () => {
    const held = async (more: Partial<ReplicaExplanation>): Promise<string> => {
      const text = await shown({ replicas: [replica('a', more)] })
      return /partitions {2}(.*)$/m.exec(text)?.[1] ?? ''
    }
    const ends = write('json', { expiresAtMs: 1_900_000_000_000 })
    assert.equal(await held({ writes: [ends] }), 'kv: json 4 B by a, ends 2030-03-17T17:46:40Z')
    const past = write('expired', { expiresAtMs: 1, count: 0 })
    assert.equal(await held({ siblingCount: 0, writes: [past] }), 'kv: expired 4 B by a')
    assert.equal(await held({ siblingCount: 0, writes: [write('deleted')] }), 'kv: deleted by a')
    assert.equal(await held({ writes: [write('set', { count: 3, by: '' })] }), 'kv: set of 3, 4 B')
    assert.equal(
      await held({ writes: [write('counter', { count: -2, by: '' })] }),
      'kv: counter -2',
    )
    assert.equal(await held({ context: '', siblingCount: 0, writes: [] }), '')
    const behind = { isCurrent: false, writes: [write('bytes')] }
    assert.equal(await held(behind), 'kv: bytes 4 B by a  behind')
    const five = Array.from({ length: 5 }, () => write('text'))
    const text = 'text 4 B by a'
    assert.equal(
      await held({ siblingCount: 5, writes: five }),
      `kv: 5 siblings: ${text}, ${text}, ${text}, 2 more`,
    )
  })

  it('of a register that is no key of the store leads with the register', async () => {
    const none = { context: '', siblingCount: 0, writes: [] }
    const replicas = [replica('a', none), replica('b', { ...none, answered: false })]
    const text = await shown({ replicas })
    assert.match(text, /^replicas +a {2}alive {2}nearest {2}80\/94 partitions *$/m)
    assert.match(text, /^ +b .*no answer$/m)
    assert.match(text, /^reg +a {2}v2/m)
    assert.ok(text.indexOf('\nreg ') < text.indexOf('\nkv  '), text)
    assert.match(text, /^kv +nothing$/m)
    const { register } = await new FakeNode().explain('k')
    const neither = { ...register, next: 'one-round', replicas: [] } as const
    assert.match(await shown({ replicas, register: neither }), /^reg +nothing$/m)
  })

  it('tells contexts apart, and cuts long ones', async () => {
    const long = 'A'.repeat(150) + 'checksum'
    const text = await shown({
      replicas: [replica('a'), replica('b', { context: long }), replica('c')],
    })
    assert.match(text, /^context +v1 {2}a c$/m)
    assert.match(text, /^ +AAAAAAAA…AAAAchecksum {2}b$/m)
  })

  it('tells of a movement, and of a lookup that found much or nothing', async () => {
    const peers = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ peer: 'p', name: `m${i}`, is: 'member' as const }))
    const moving = await shown({
      replicas: [replica('a', { part: 'comes' }), replica('b', { part: 'goes', rank: 0 })],
      lookup: { found: peers(20), tookMs: 1500, why: [] },
    })
    assert.match(moving, /nearest, comes/)
    assert.match(moving, /no member, goes/)
    assert.match(moving, /^lookup +\(m0\) .*\(m7\) and 12 more {2}in 1\.5 s$/m)
    const alone = await shown({ lookup: { found: [], tookMs: 5, why: [] } })
    assert.match(alone, /^lookup +nobody answered {2}in 5 ms$/m)
  })

  it('fits on one screen', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const text = await shown({
      replicas: names.slice(0, 5).map((name) => replica(name)),
      passed: names.slice(0, 5).map((name) => ({ storageId: name, name, rank: 1, reason: 'full' })),
    })
    const lines = text.trimEnd().split('\n')
    assert.ok(lines.length <= 24, `${lines.length} lines`)
    assert.ok(lines.every((line) => line.length <= 100))
  })

  it('is JSON with all that is known', async () => {
    const cli = await CliRig.open()
    try {
      const { out } = await cli.run('explain', 'color', '-o', 'json')
      assert.deepEqual(JSON.parse(out), await cli.rig.node.explain('color'))
    } finally {
      await cli.close()
    }
  })

  it('leaves control characters of names out', async () => {
    const text = await shown({
      replicas: [replica('a\u001b[2J', { writes: [write('text', { by: '\u0007' })] })],
    })
    assert.ok(!text.includes('\u0007') && !text.includes('\u001b'))
  })
})
