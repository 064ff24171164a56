/** The merge of claims: an order that does not matter, facts that travel once, evidence by class. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Claim } from '../../src/swim/claim.ts'
import { compareClaims, firstIncarnation } from '../../src/swim/claim.ts'
import { MEMBERS_MAX, PROBES_MAX, RELAYS_MAX } from '../../src/swim/limits.ts'
import type { Member } from '../../src/swim/member.ts'
import { softened } from '../../src/swim/push-pull.ts'
import { factsOf } from './cluster.ts'
import { claim, remote, SELF, Solo } from './solo.ts'

const PEERS = ['a', 'b', 'c', 'd']
const arbitraryClaim: fc.Arbitrary<Claim> = fc.record({
  id: fc.constantFrom('a', 'b', 'c'),
  state: fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const, 'left' as const),
  incarnation: fc.integer({ min: 1, max: 5 }),
  version: fc.constant(1),
  storageId: fc.constant(factsOf(0).storageId),
  accusations: fc.array(fc.record({ by: fc.constantFrom(...PEERS), strong: fc.boolean() }), {
    maxLength: 3,
  }),
})

/** What must not depend on the order in which claims came. */
function outcome(claims: readonly Claim[]): unknown {
  const solo = new Solo(PEERS)
  for (const each of claims) solo.gossip('d', each)
  return PEERS.map((id) => [solo.state(id), solo.incarnation(id)])
}

describe('merging claims', () => {
  it('is commutative', () => {
    const shuffle = fc
      .array(arbitraryClaim, { maxLength: 12 })
      .chain((claims) =>
        fc.tuple(fc.constant(claims), fc.shuffledSubarray(claims, { minLength: claims.length })),
      )
    fc.assert(
      fc.property(shuffle, ([one, other]) => {
        assert.deepEqual(outcome(one), outcome(other))
      }),
    )
  })

  it('is idempotent', () => {
    fc.assert(
      fc.property(fc.array(arbitraryClaim, { maxLength: 8 }), (claims) => {
        assert.deepEqual(outcome([...claims, ...claims]), outcome(claims))
      }),
    )
  })

  it('never brings anybody back without a higher incarnation', () => {
    fc.assert(
      fc.property(fc.array(arbitraryClaim, { maxLength: 20 }), (claims) => {
        const solo = new Solo(PEERS)
        for (const each of claims) {
          const before = solo.core.get(each.id) as Member
          solo.gossip('d', each)
          const after = solo.core.get(each.id) as Member
          assert.ok(compareClaims(after, before) >= 0)
          const ended = before.state === 'dead' || before.state === 'left'
          if (ended && after.state === 'alive') assert.ok(after.incarnation > before.incarnation)
        }
      }),
    )
  })

  it('of whole states takes a death as a suspicion, and a departure as it is', () => {
    const suspicion = softened(claim('a', 'dead', 3), 'b')
    assert.equal(suspicion.state, 'suspect')
    assert.deepEqual(suspicion.accusations, [{ by: 'b', strong: false }])
    for (const state of ['alive', 'suspect', 'left'] as const) {
      assert.equal(softened(claim('a', state, 3), 'b').state, state)
    }
    const solo = new Solo(['a', 'b', 'c'])
    const claims = [claim('a', 'dead', 1), claim('c', 'left', 1)]
    solo.do(() => solo.core.onExchange(remote('b'), { claims, records: [] }, solo.now).effects)
    assert.equal(solo.state('a'), 'suspect')
    assert.equal(solo.state('c'), 'left')
    solo.introduce('a', 2)
    solo.do(() =>
      solo.core.onExchangeReply('b', { claims: [claim('a', 'dead', 2)], records: [] }, 0),
    )
    assert.equal(solo.state('a'), 'suspect')
  })
})

describe('facts', () => {
  it('are asked for when a rumour names an unknown member or version, and sent once', () => {
    const solo = new Solo(['a'])
    solo.gossip('a', claim('new', 'alive', 1))
    assert.deepEqual(solo.sent('want')[0], {
      kind: 'send',
      to: 'a',
      message: { kind: 'want', ids: ['new'] },
      priority: 'probe',
    })
    assert.equal(solo.state('new'), undefined, 'nobody is shown without facts')
    solo.gossip('a', claim('new', 'alive', 1))
    assert.equal(solo.sent('want').length, 1, 'not at every rumour')
    solo.introduce('new')
    assert.equal(solo.state('new'), 'alive')
    solo.effects = []
    solo.gossip('a', claim('new', 'alive', 2))
    assert.equal(solo.incarnation('new'), 2)
    assert.equal(solo.sent('want').length, 0, 'a refutation brings no new facts')
    solo.gossip('a', { ...claim('new', 'alive', 3), version: 3 })
    assert.equal(solo.sent('want').length, 1)
    assert.equal(solo.incarnation('new'), 2, 'not alive under old facts')
  })

  it('are asked for again, of the latest teller, but not for ever', () => {
    const solo = new Solo(['a', 'b'])
    solo.gossip('a', claim('new', 'alive', 1))
    solo.gossip('b', claim('new', 'alive', 1))
    solo.run(60_000, solo.answering())
    assert.deepEqual(
      solo.sent('want').map(({ to }) => to),
      ['a', 'b', 'b', 'b'],
    )
    assert.equal(solo.core.describe()['wants'], 0)
  })

  it('are told to whoever asks, in messages of bounded size', () => {
    const solo = new Solo()
    const tags = { big: 'x'.repeat(16_000) }
    for (let i = 0; i < 10; i++) solo.introduce(`p${i}`, 1, { ...factsOf(i), tags })
    solo.effects = []
    const ids = ['ghost', 'p0', 'p0', ...Array.from({ length: 10 }, (_, i) => `p${i}`), SELF]
    solo.message('p1', { kind: 'want', ids })
    const answers = solo.sent('facts').map(({ message }) => message)
    const told = answers.flatMap((each) => (each.kind === 'facts' ? each.records : []))
    assert.equal(told.length, 11)
    assert.ok(answers.length >= 3)
  })

  it('of our own change spread under a higher incarnation, which is their version', () => {
    const solo = new Solo(['a'])
    solo.do(() => solo.core.updateSelf({ ...factsOf(0), tags: { x: 'y' } }, solo.now))
    const { incarnation, tags } = solo.core.self()
    assert.equal(incarnation, firstIncarnation(1) + 1)
    assert.deepEqual(tags, { x: 'y' })
    const [ack] = solo.message('a', { kind: 'ping', seq: 1, rumours: [] })
    assert.ok(ack?.kind === 'send' && ack.message.kind === 'ack')
    const own = ack.message.rumours.find(({ id }) => id === SELF)
    assert.deepEqual([own?.incarnation, own?.version], [incarnation, incarnation])
    assert.equal(JSON.stringify(ack).includes('tags'), false)
  })

  it('of a change are an update; of a later boot a new life; of a new disk a new member', () => {
    const solo = new Solo(['a'])
    const kinds = (incarnation: number, change: object) => {
      solo.effects = []
      solo.introduce('a', incarnation, { ...factsOf(1), ...change })
      return solo.events().map(({ kind }) => kind)
    }
    assert.deepEqual(kinds(2, { tags: { x: 'y' } }), ['update'])
    assert.deepEqual(kinds(3, { boot: 2 }), ['alive'])
    assert.deepEqual(kinds(4, { boot: 1, storageId: factsOf(1, 1, 'b').storageId }), [
      'dead',
      'join',
    ])
  })

  it('of another process under our own name are superseded', () => {
    const solo = new Solo(['a'])
    const old = firstIncarnation(57) + 3
    solo.gossip('a', { ...claim(SELF, 'alive', old), version: old })
    assert.equal(solo.core.self().incarnation, old + 1)
    const [ack] = solo.message('a', { kind: 'ping', seq: 1, rumours: [] })
    assert.ok(ack?.kind === 'send' && ack.message.kind === 'ack')
    assert.equal(ack.message.rumours.find(({ id }) => id === SELF)?.version, old + 1)
    // The same incarnation by chance: a wiped disk that starts as its forerunner did.
    const own = solo.core.self().incarnation
    solo.gossip('a', { ...claim(SELF, 'alive', own), version: 5 })
    assert.equal(solo.core.self().incarnation, own + 1)
    solo.gossip('a', {
      ...claim(SELF, 'alive', own + 1),
      version: own + 1,
      storageId: factsOf(0, 1, 'b').storageId,
    })
    assert.equal(solo.core.self().incarnation, own + 2)
  })
})

describe('evidence', () => {
  const two = ['a', 'b', 'c', 'd', 'e']
  const deathAfter = (solo: Solo): number => {
    const start = solo.now
    while (solo.state('a') !== 'dead') solo.run(10, solo.answering('a'))
    return solo.now - start
  }

  it('a reset connection is reason to probe now, and no more', () => {
    const solo = new Solo(two)
    solo.evidence({ kind: 'reset', peer: 'a' })
    assert.equal(solo.sent('ping').filter(({ to }) => to === 'a').length, 1)
    assert.ok(solo.effects.some((effect) => effect.kind === 'connect' && effect.peer === 'a'))
    solo.sent('ping').forEach(solo.answering())
    solo.run(60_000, solo.answering())
    assert.deepEqual(solo.events(), [])
  })

  it('a closed port seen by us alone shortens nothing: a firewall may lie to one', () => {
    const solo = new Solo(two)
    solo.evidence({ kind: 'refused', peer: 'a' })
    assert.equal(solo.state('a'), 'suspect')
    for (let i = 0; i < 5; i++) solo.evidence({ kind: 'refused', peer: 'a' })
    assert.ok(deathAfter(solo) > 10_000)
  })

  it('a closed port seen by two leaves one period', () => {
    const solo = new Solo(two)
    solo.evidence({ kind: 'refused', peer: 'a' })
    solo.gossip('b', claim('a', 'suspect', 1, ['b'], true))
    const ms = deathAfter(solo)
    assert.ok(ms >= 1000 && ms <= 1010, `${ms}`)
  })

  it('one closed port and one silence do not make two closed ports', () => {
    const solo = new Solo(two)
    solo.evidence({ kind: 'refused', peer: 'a' })
    solo.gossip('b', claim('a', 'suspect', 1, ['b'], false))
    assert.ok(deathAfter(solo) > 4000)
  })

  it('a successor is as strong, and is asked who it is', () => {
    const solo = new Solo(two)
    solo.run(2000, solo.answering())
    solo.effects = []
    solo.evidence({ kind: 'replaced', peer: 'a', by: remote('a', 2) })
    assert.ok(solo.effects.some((effect) => effect.kind === 'exchange' && effect.peer === 'a'))
    solo.gossip('b', claim('a', 'suspect', 1, ['b'], true))
    const ms = deathAfter(solo)
    assert.ok(ms <= 1010, `${ms}`)
  })

  it('an open connection takes the strong word back and tells the suspect', () => {
    const solo = new Solo(two)
    solo.evidence({ kind: 'refused', peer: 'a' })
    solo.gossip('b', claim('a', 'suspect', 1, ['b'], true))
    solo.effects = []
    solo.evidence({ kind: 'connected', peer: 'a', remote: remote('a') })
    const [ping] = solo.sent('ping')
    assert.ok(ping?.to === 'a' && ping.message.kind === 'ping')
    assert.equal(ping.message.rumours[0]?.state, 'suspect')
    assert.ok(deathAfter(solo) > 4000)
  })

  it('says nothing against those who are not up', () => {
    const solo = new Solo(two)
    solo.gossip('b', claim('a', 'left', 1))
    solo.effects = []
    solo.evidence({ kind: 'refused', peer: 'a' })
    solo.evidence({ kind: 'reset', peer: 'a' })
    solo.evidence({ kind: 'refused', peer: 'stranger' })
    assert.deepEqual(solo.effects, [])
  })
})

describe('bounds', () => {
  it('no more members than the limit', () => {
    const solo = new Solo()
    const facts = factsOf(1)
    for (let i = 0; i < MEMBERS_MAX + 5; i += 50) {
      const records = Array.from({ length: 50 }, (_, j) => ({
        claim: claim(`m${i + j}`, 'alive', 1),
        facts,
      }))
      solo.do(() => solo.core.onExchangeReply('m0', { claims: [], records }, 0))
      solo.effects = []
    }
    assert.equal(solo.core.members().length, MEMBERS_MAX)
  }).timeout(10_000)

  it('no more probes, errands and exchanges at once than theirs', () => {
    const solo = new Solo(Array.from({ length: 200 }, (_, i) => `p${i}`))
    for (let i = 0; i < 200; i++) solo.evidence({ kind: 'reset', peer: `p${i}` })
    assert.equal(solo.core.describe()['probes'], PROBES_MAX)
    for (let i = 0; i < 1000; i++) solo.message('p1', { kind: 'ping-req', seq: i, target: 'p2' })
    assert.equal(solo.core.describe()['relays'], RELAYS_MAX)
    assert.equal(solo.sent('nack').length, 1000 - RELAYS_MAX)
    solo.effects = []
    for (let i = 0; i < 1000; i++) solo.message(`x${i}`, { kind: 'nack', seq: 1 })
    assert.equal(solo.effects.filter(({ kind }) => kind === 'exchange').length, 1)
    solo.run(10_000)
    assert.equal(solo.core.describe()['relays'], 0)
  })

  it('the ended leave the view after a day, and the failed are dialled for ever', () => {
    const solo = new Solo(['a', 'b', 'c'])
    solo.gossip('b', claim('a', 'dead', 1), claim('c', 'left', 1))
    solo.run(25 * 60 * 60 * 1000, solo.answering())
    assert.deepEqual(
      solo
        .events()
        .filter(({ kind }) => kind === 'reap')
        .map(({ member }) => member.id)
        .toSorted(),
      ['a', 'c'],
    )
    assert.equal(solo.state('a'), undefined)
    solo.effects = []
    solo.run(120_000, solo.answering())
    const dialled = new Set(
      solo.effects.flatMap((each) => (each.kind === 'connect' ? [each.peer] : [])),
    )
    assert.ok(dialled.has('a'))
    assert.ok(!dialled.has('c'))
    solo.introduce('a', 2)
    assert.equal(solo.core.describe()['reconnects'], 0)
  })

  it('an edge that fails is not dialled again, and nothing of it is kept', () => {
    const solo = new Solo(['a', 'b'])
    solo.introduce('e', 1, { ...factsOf(1), role: 'edge', storageId: '' })
    const learned = solo.effects.filter((each) => each.kind === 'learn')
    assert.deepEqual(
      learned.map(({ peer, isLasting }) => [peer, isLasting]),
      [['e', false]],
    )
    solo.gossip('b', { ...claim('e', 'dead', 1), storageId: '' })
    assert.equal(solo.state('e'), 'dead')
    assert.equal(solo.core.describe()['reconnects'], 0)
    solo.gossip('b', claim('a', 'dead', 1))
    assert.equal(solo.core.describe()['reconnects'], 1)
  })

  it('what the operator forgets is dialled no more', () => {
    const solo = new Solo(['a', 'b'])
    solo.gossip('b', claim('a', 'dead', 1))
    solo.do(() => solo.core.forget('a', solo.now))
    assert.equal(solo.state('a'), undefined)
    assert.equal(solo.core.describe()['reconnects'], 0)
    solo.do(() => solo.core.forget('b', solo.now))
    assert.equal(solo.state('b'), 'alive', 'whoever is up cannot be forgotten')
  })
})
