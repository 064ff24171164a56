import assert from 'node:assert/strict'
import { equalBallots, isBallot } from '../../src/paxos/ballot.ts'
import type { Inspected, Inspection } from '../../src/paxos/inspect.ts'
import { revisionOf } from '../../src/paxos/version.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { RegisterWorld } from './world.ts'

async function inspected(world: RegisterWorld, node: string, key = 'k'): Promise<Inspection> {
  return await world.drive(world.reg(node).inspect(key, 1000))
}

function names(world: RegisterWorld, { replicas }: Inspection): string {
  const all = [...world.latest.members]
  const of = (id: string) => all.find(({ storageId }) => storageId === id)?.name ?? '?'
  return [...replicas.keys()].map(of).sort().join('')
}

function proposer(world: RegisterWorld, found: Inspection): string | undefined {
  return world.latest.members.find(({ storageId }) => storageId === found.proposer)?.name
}

describe('inspecting a register', () => {
  it('shows nothing of a key that nobody set, and that a change would take two rounds', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    for (const node of 'abce') {
      const found = await inspected(world, node)
      assert.equal(names(world, found), 'abc')
      assert.equal(found.next, 'two-rounds')
      for (const { promised, accepted, revision, hasValue, installed } of found.replicas.values()) {
        assert.deepEqual([isBallot(promised), isBallot(accepted)], [false, false])
        assert.deepEqual([revision, hasValue, installed], [0, false, true])
      }
    }
  })

  it('shows at each replica the ballots and the version that it has', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.lose('c')
    const { version } = await world.drive(world.reg('a').set('k', 'v'))
    await world.wait(50)
    const found = await inspected(world, 'b')
    assert.equal(names(world, found), 'ab')
    for (const name of ['a', 'b']) {
      const held = found.replicas.get(world.node(name).member.storageId) as Inspected
      const { promised, accepted, revision, hasValue } = held
      const record = world.record(name, 'k')
      assert.ok(record !== null && equalBallots(record.promised, promised))
      assert.ok(equalBallots(record.accepted, accepted))
      assert.deepEqual([revision, hasValue], [revisionOf(version), true])
    }
    await world.drive(world.reg('a').del('k'))
    const { replicas } = await inspected(world, 'a')
    assert.ok([...replicas.values()].every(({ revision, hasValue }) => revision > 0 && !hasValue))
  })

  it('says who would propose, and in how many rounds', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    await world.drive(world.reg('b').set('k', 'v'))
    const at = async (node: string) => {
      const found = await inspected(world, node)
      return [proposer(world, found), found.next]
    }
    assert.deepEqual(await at('b'), ['b', 'one-round'])
    assert.deepEqual(await at('c'), ['c', 'two-rounds'])
    // An edge leaves it to the first replica.
    const [first, next] = await at('e')
    assert.equal(next, first === 'b' ? 'one-round' : 'two-rounds')
    assert.ok('abc'.includes(first ?? '-'))
  })

  it('says that a minority agrees on nothing', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('k', 'v'))
    world.lose('b')
    assert.equal((await inspected(world, 'a')).next, 'one-round')
    world.lose('c')
    const found = await inspected(world, 'a')
    assert.deepEqual([names(world, found), found.next], ['a', 'no-quorum'])
  })

  it('waits for an answer no longer than it was told', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.fate = ({ kind, to }) =>
      kind === REQUEST_KINDS.REG_INSPECT && to === 'b' ? 'lost' : undefined
    const found = await inspected(world, 'a')
    assert.deepEqual([names(world, found), found.next], ['ac', 'two-rounds'])
  })

  it('while the partition moves, asks both groups and says so, until all is there', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    await world.drive(world.reg('a').set('k', 'v'))
    world.fate = ({ kind }) => (kind === REQUEST_KINDS.REG_LIST ? 'unreachable' : undefined)
    world.move(['def'])
    await world.tell()
    const moving = await inspected(world, 'd')
    assert.deepEqual([names(world, moving), moving.next], ['abcdef', 'moving'])
    assert.deepEqual(proposer(world, moving), 'd')
    for (const name of 'ab') world.lose(name)
    assert.equal((await inspected(world, 'd')).next, 'no-quorum')
    for (const name of 'ab') world.find(name)
    world.fate = () => undefined
    await world.until('installed', () =>
      ['d', 'e', 'f'].every((name) => world.node(name).installed.length > 0),
    )
    assert.notEqual((await inspected(world, 'd')).next, 'moving')
  })
})
