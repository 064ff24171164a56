/**
 * The papers' sentences, one test for a few of them, by section.
 *
 * SWIM: Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group
 * Membership Protocol", DSN 2002. Lifeguard: Dadgar, Phillips, Currey, arXiv 1707.00788.
 */
import assert from 'node:assert/strict'
import { firstIncarnation } from '../../src/swim/claim.ts'
import { INCARNATION_MAX } from '../../src/swim/limits.ts'
import { LAN } from '../../src/swim/parameters.ts'
import { suspicionMinMs } from '../../src/swim/suspicion.ts'
import { claim, remote, SELF, Solo } from './solo.ts'

const OWN = firstIncarnation(1)

describe('SWIM §3.1: the failure detector', () => {
  it('pings one member each period, and is content with an ack', () => {
    const solo = new Solo(['a', 'b', 'c'])
    solo.run(30_000, solo.answering())
    const pings = solo.sent('ping').length
    assert.ok(pings >= 29 && pings <= 31, `${pings} pings in 30 periods`)
    assert.equal(solo.sent('ping-req').length, 0)
    assert.deepEqual(solo.events(), [])
  })

  it('after the time-out asks k members at random to ping in its stead', () => {
    const solo = new Solo(['a', 'b', 'c', 'd', 'e'])
    solo.run(10_000, solo.answering('a'))
    const ping = solo.sent('ping').find(({ to }) => to === 'a')
    const requests = solo.sent('ping-req').slice(0, 3)
    assert.ok(ping?.message.kind === 'ping')
    assert.equal(new Set(requests.map(({ to }) => to)).size, LAN.indirectProbes)
    for (const { to, message } of requests) {
      assert.notEqual(to, 'a')
      assert.deepEqual(message, { kind: 'ping-req', seq: ping.message.seq, target: 'a' })
    }
  })

  it('takes an ack through another for an ack, and dials anew, since its own link seems wedged', () => {
    const solo = new Solo(['a', 'b'])
    const direct = solo.answering('a')
    solo.run(20_000, (sent) => {
      direct(sent)
      if (sent.message.kind === 'ping-req') {
        solo.message(sent.to, { kind: 'ack', seq: sent.message.seq, rumours: [] })
      }
    })
    assert.equal(solo.state('a'), 'alive')
    assert.ok(solo.effects.some((effect) => effect.kind === 'reconnect' && effect.peer === 'a'))
  })

  it('suspects a member that nobody reached at the end of the period', () => {
    const solo = new Solo(['a', 'b'])
    solo.run(4000, solo.answering('a'))
    assert.equal(solo.state('a'), 'suspect')
    assert.equal(solo.state('b'), 'alive')
  })

  it('believes an ack of nobody but the target and those it asked', () => {
    const solo = new Solo(['a', 'b', 'c'])
    solo.run(4000, ({ to, message }) => {
      if (message.kind !== 'ping') return
      const liar = to === 'a' ? 'b' : 'a'
      solo.message(liar, { kind: 'ack', seq: message.seq, rumours: [] })
      solo.message(to, { kind: 'ack', seq: message.seq + 1, rumours: [] })
    })
    assert.ok(['a', 'b', 'c'].some((id) => solo.state(id) === 'suspect'))
  })

  it('pings for another, and passes the ack on', () => {
    const solo = new Solo(['a', 'b'])
    solo.message('a', { kind: 'ping-req', seq: 77, target: 'b' })
    const [ping] = solo.sent('ping')
    assert.ok(ping?.to === 'b' && ping.message.kind === 'ping')
    solo.message('a', { kind: 'ack', seq: ping.message.seq, rumours: [] })
    assert.equal(solo.sent('ack').length, 0, 'an ack that the target did not send')
    solo.message('b', { kind: 'ack', seq: ping.message.seq, rumours: [] })
    const [ack] = solo.sent('ack')
    assert.ok(ack?.to === 'a' && ack.message.kind === 'ack' && ack.message.seq === 77)
  })
})

describe('SWIM §4.1: dissemination', () => {
  it('carries news on pings and acks', () => {
    const solo = new Solo(['a', 'b', 'c'])
    solo.gossip('a', claim('b', 'suspect', 1, ['a']))
    const [ack] = solo.message('c', { kind: 'ping', seq: 5, rumours: [] })
    assert.ok(ack?.kind === 'send' && ack.message.kind === 'ack' && ack.message.seq === 5)
    assert.ok(ack.message.rumours.some(({ id, state }) => id === 'b' && state === 'suspect'))
  })

  it('passes news on a limited number of times', () => {
    const solo = new Solo(['a', 'b', 'c'])
    solo.run(20_000, solo.answering())
    solo.effects = []
    solo.gossip('a', claim('b', 'left', 1))
    solo.run(20_000, solo.answering())
    const told = solo
      .sent()
      .flatMap(({ message }) => ('rumours' in message ? message.rumours : []))
      .filter(({ id }) => id === 'b')
    assert.equal(told.length, 4, 'λ · ⌈log10(n + 1)⌉')
  })

  it('does not pass on what is no news', () => {
    const solo = new Solo(['a', 'b'])
    solo.run(20_000, solo.answering())
    solo.effects = []
    solo.gossip('a', claim('b', 'alive', 1), claim('a', 'alive', 1))
    solo.run(1000, solo.answering())
    assert.deepEqual(
      solo.sent().flatMap(({ message }) => ('rumours' in message ? message.rumours : [])),
      [],
    )
  })
})

describe('SWIM §4.2: suspicion and incarnations', () => {
  it('{alive, i} overrides only lower incarnations', () => {
    const solo = new Solo()
    solo.introduce('a', 5)
    solo.gossip('b', claim('a', 'suspect', 5, ['b']))
    solo.gossip('b', claim('a', 'alive', 5))
    assert.equal(solo.state('a'), 'suspect')
    solo.gossip('b', claim('a', 'alive', 6))
    assert.equal(solo.state('a'), 'alive')
    assert.equal(solo.incarnation('a'), 6)
  })

  it('{suspect, i} overrides {alive, j} for i ≥ j and {suspect, j} for i > j', () => {
    const solo = new Solo()
    solo.introduce('a', 5)
    solo.gossip('b', claim('a', 'suspect', 4, ['b']))
    assert.equal(solo.state('a'), 'alive')
    solo.gossip('b', claim('a', 'suspect', 5, ['b']))
    assert.equal(solo.state('a'), 'suspect')
    solo.gossip('b', claim('a', 'suspect', 7, ['b']))
    assert.equal(solo.incarnation('a'), 7)
  })

  it('{dead, i} overrides all of i and below; only a higher incarnation comes back', () => {
    const solo = new Solo()
    solo.introduce('a', 5)
    solo.gossip('b', claim('a', 'dead', 4))
    assert.equal(solo.state('a'), 'alive')
    solo.gossip('b', claim('a', 'dead', 5))
    assert.equal(solo.state('a'), 'dead')
    solo.gossip('b', claim('a', 'alive', 5), claim('a', 'suspect', 5, ['b']))
    assert.equal(solo.state('a'), 'dead')
    solo.gossip('b', claim('a', 'alive', 6))
    assert.equal(solo.state('a'), 'alive')
  })

  it('a member that hears that it is suspected raises its incarnation above both', () => {
    for (const accused of [OWN, OWN + 5]) {
      const solo = new Solo(['a'])
      solo.gossip('a', { ...claim(SELF, 'suspect', accused, ['a']), version: OWN })
      assert.equal(solo.core.self().incarnation, accused + 1)
      const [ack] = solo.message('a', { kind: 'ping', seq: 1, rumours: [] })
      assert.ok(ack?.kind === 'send' && ack.message.kind === 'ack')
      const own = ack.message.rumours.find(({ id }) => id === SELF)
      assert.deepEqual([own?.state, own?.incarnation], ['alive', accused + 1])
    }
  })

  it('so does one that hears of its death or departure', () => {
    for (const state of ['dead', 'left'] as const) {
      const solo = new Solo(['a'])
      solo.gossip('a', { ...claim(SELF, state, OWN), version: OWN })
      assert.equal(solo.core.self().incarnation, OWN + 1)
      assert.equal(solo.core.self().state, 'alive')
    }
  })

  it('an accusation that was refuted already raises nothing, but is answered', () => {
    const solo = new Solo(['a'])
    solo.run(10_000, solo.answering())
    solo.effects = []
    solo.gossip('a', { ...claim(SELF, 'suspect', OWN - 1, ['a']), version: 1 })
    assert.equal(solo.core.self().incarnation, OWN)
    solo.run(500, solo.answering())
    const told = solo
      .sent('gossip')
      .flatMap(({ message }) => (message.kind === 'gossip' ? message.rumours : []))
    assert.ok(told.some(({ id, state }) => id === SELF && state === 'alive'))
  })

  it('nobody but the owner raises an incarnation', () => {
    const solo = new Solo(['a', 'b', 'c'])
    solo.run(60_000, solo.answering('a'))
    assert.equal(solo.state('a'), 'dead')
    assert.equal(solo.incarnation('a'), 1)
  })

  it('an incarnation never passes its limit', () => {
    const solo = new Solo(['a'])
    solo.gossip('a', { ...claim(SELF, 'suspect', INCARNATION_MAX, ['a']), version: OWN })
    assert.equal(solo.core.self().incarnation, INCARNATION_MAX)
  })

  it('a suspicion that nobody refutes ends in death after its time', () => {
    const solo = new Solo(['a', 'b'])
    const minMs = suspicionMinMs(LAN, 3)
    solo.gossip('b', claim('a', 'suspect', 1, ['b']))
    solo.run(minMs - 1, solo.answering('a'))
    assert.equal(solo.state('a'), 'suspect')
    solo.run(2, solo.answering('a'))
    assert.equal(solo.state('a'), 'dead')
  })

  it('a refutation in time ends it', () => {
    const solo = new Solo(['a', 'b'])
    solo.gossip('b', claim('a', 'suspect', 1, ['b']))
    solo.gossip('b', claim('a', 'alive', 2))
    solo.run(60_000, solo.answering())
    assert.equal(solo.state('a'), 'alive')
    assert.deepEqual(
      solo.events().map(({ kind }) => kind),
      ['suspect', 'alive'],
    )
  })
})

describe('Lifeguard §4.1: local health', () => {
  it('a failed probe costs as many points as nacks are missing', () => {
    const rows: [number, number][] = [
      [0, 3],
      [1, 2],
      [3, 0],
    ]
    for (const [nacks, cost] of rows) {
      const solo = new Solo(['a', 'b', 'c', 'd'])
      let left = nacks
      let target = ''
      while (solo.events().length === 0) {
        solo.run(10, ({ to, message }) => {
          if (target === '' && message.kind === 'ping') target = to
          if (message.kind === 'ping-req' && left-- > 0) {
            solo.message(to, { kind: 'nack', seq: message.seq })
          }
        })
      }
      assert.equal(solo.core.health, cost, `${nacks} nacks`)
    }
  })

  it('a nack of one who was not asked does not count', () => {
    const solo = new Solo(['a', 'b', 'c', 'd', 'e'])
    while (solo.events().length === 0) {
      solo.run(10, ({ to, message }) => {
        if (message.kind !== 'ping-req') return
        for (let i = 0; i < 3; i++) solo.message(to, { kind: 'nack', seq: message.seq + 1 })
      })
    }
    assert.equal(solo.core.health, 3)
  })

  it('a good probe takes a point back, a refutation costs one', () => {
    const solo = new Solo(['a'])
    solo.gossip('a', { ...claim(SELF, 'suspect', OWN, ['a']), version: OWN })
    assert.equal(solo.core.health, 1)
    solo.run(3000, solo.answering())
    assert.equal(solo.core.health, 0)
  })

  it('period and time-out grow with the score', () => {
    const solo = new Solo(['a', 'b', 'c'])
    for (let i = 0; i < 3; i++) {
      const { incarnation } = solo.core.self()
      solo.gossip('a', { ...claim(SELF, 'suspect', incarnation, ['a']), version: OWN })
    }
    solo.run(1000) // The tick that was set before.
    solo.effects = []
    const start = solo.now
    while (solo.sent('ping-req').length === 0) solo.run(1)
    const waited = solo.now - start
    assert.ok(waited > 500, `asked others after ${waited} ms`)
    assert.equal(solo.core.health, 3)
  })

  it('a helper sends a nack at 80 % of the time-out, and an ack still when one comes', () => {
    const solo = new Solo(['a', 'b'])
    solo.message('a', { kind: 'ping-req', seq: 9, target: 'b' })
    const [ping] = solo.sent('ping')
    assert.ok(ping?.message.kind === 'ping')
    solo.run(399)
    assert.equal(solo.sent('nack').length, 0)
    solo.run(2)
    assert.equal(solo.sent('nack').filter(({ to }) => to === 'a').length, 1)
    solo.message('b', { kind: 'ack', seq: ping.message.seq, rumours: [] })
    assert.equal(solo.sent('ack').length, 1)
  })

  it('a helper that does not know the target says so at once', () => {
    const solo = new Solo(['a'])
    solo.message('a', { kind: 'ping-req', seq: 9, target: 'stranger' })
    assert.deepEqual(solo.sent('nack')[0]?.message, { kind: 'nack', seq: 9 })
  })

  it('late timers make no verdict: the answer may lie unread', () => {
    const solo = new Solo(['a', 'b', 'c'])
    for (let i = 0; i < 400; i++) solo.stall(2500)
    assert.deepEqual(solo.events(), [])
    assert.equal(solo.core.health, 7)
  })

  it('a suspicion that ran out while we stood still waits a period for unread words', () => {
    const solo = new Solo(['a', 'b', 'c'])
    solo.gossip('b', claim('a', 'suspect', 1, ['b', 'c'], true))
    solo.stall(30_000)
    assert.equal(solo.state('a'), 'suspect')
    solo.gossip('b', claim('a', 'alive', 2))
    assert.equal(solo.state('a'), 'alive')
  })

  it('but not for ever', () => {
    const solo = new Solo(['a', 'b', 'c'])
    solo.gossip('b', claim('a', 'suspect', 1, ['b', 'c'], true))
    for (let i = 0; i < 3; i++) solo.stall(5000)
    assert.equal(solo.state('a'), 'dead')
  })
})

describe('Lifeguard §4.2: suspicion', () => {
  const peers = Array.from({ length: 10 }, (_, i) => `p${i}`)

  function timeToDeath(solo: Solo): number {
    const start = solo.now
    while (solo.state('p0') === 'suspect') solo.run(10, solo.answering())
    return solo.now - start
  }

  it('k confirmations of distinct members bring the end from max to min', () => {
    const minMs = suspicionMinMs(LAN, 11)
    const lone = new Solo(peers)
    lone.gossip('p1', claim('p0', 'suspect', 1, ['p1']))
    for (let i = 0; i < 5; i++) lone.gossip('p1', claim('p0', 'suspect', 1, ['p1']))
    const alone = timeToDeath(lone)
    assert.ok(alone > 5.9 * minMs, `a lone accuser was believed after ${alone} ms`)

    const agreed = new Solo(peers)
    for (const by of ['p1', 'p2', 'p3']) agreed.gossip(by, claim('p0', 'suspect', 1, [by]))
    const confirmed = timeToDeath(agreed)
    assert.ok(confirmed >= minMs && confirmed < minMs + 50, `${confirmed} ms, least is ${minMs}`)
  })

  it('an accuser that nobody knows, and the accused, confirm nothing', () => {
    const solo = new Solo(peers)
    solo.gossip('p1', claim('p0', 'suspect', 1, ['p1', 'ghost', 'p0', 'ghoul']))
    assert.ok(timeToDeath(solo) > 5.9 * suspicionMinMs(LAN, 11))
  })

  it('confirmations are passed on, at most k of them', () => {
    const solo = new Solo(peers)
    solo.run(20_000, solo.answering())
    solo.gossip('p1', claim('p0', 'suspect', 1, ['p1']))
    solo.gossip('p2', claim('p0', 'suspect', 1, ['p2']))
    const [ack] = solo.message('p9', { kind: 'ping', seq: 1, rumours: [] })
    assert.ok(ack?.kind === 'send' && ack.message.kind === 'ack')
    const told = ack.message.rumours.find(({ id }) => id === 'p0')
    assert.deepEqual(
      told?.accusations.map(({ by }) => by),
      ['p1', 'p2'],
    )
    solo.gossip('p3', claim('p0', 'suspect', 1, ['p3']))
    solo.run(20_000, solo.answering())
    solo.effects = []
    solo.gossip('p4', claim('p0', 'suspect', 1, ['p4']))
    assert.equal(solo.core.describe()['rumours'], 0)
  })
})

describe('Lifeguard §4.3: the buddy system', () => {
  it('a suspect is told so by every ping to it, even when the rumour is worn out', () => {
    const solo = new Solo(['a', 'b'])
    solo.gossip('b', claim('a', 'suspect', 1, ['b']))
    solo.run(3900, solo.answering('a'))
    const pings = solo.sent('ping').filter(({ to }) => to === 'a')
    assert.ok(pings.length >= 1)
    for (const { message } of pings) {
      assert.ok(message.kind === 'ping')
      assert.deepEqual([message.rumours[0]?.id, message.rumours[0]?.state], ['a', 'suspect'])
    }
  })

  it('one that is held for dead and speaks is told so, and not served until it refutes', () => {
    const solo = new Solo(['a', 'b', 'c'])
    solo.gossip('b', claim('a', 'dead', 1))
    solo.effects = []
    const slander = claim('b', 'suspect', 1, ['a'])
    solo.message('a', { kind: 'ping', seq: 3, rumours: [slander] })
    assert.equal(solo.state('b'), 'alive', 'what it says of others does not count')
    assert.deepEqual(solo.sent('ack'), [])
    const [ping] = solo.sent('ping')
    assert.ok(ping?.to === 'a' && ping.message.kind === 'ping')
    assert.equal(ping.message.rumours[0]?.state, 'dead')
    solo.message('a', { kind: 'ack', seq: ping.message.seq, rumours: [claim('a', 'alive', 2)] })
    assert.equal(solo.state('a'), 'alive')
    solo.message('a', { kind: 'ping', seq: 4, rumours: [] })
    assert.equal(solo.sent('ack').length, 1)
  })

  it('two that hold each other for dead do not ping each other without end', () => {
    const solo = new Solo(['a'])
    solo.gossip('a', claim('a', 'dead', 1))
    solo.effects = []
    for (let i = 0; i < 1000; i++) solo.message('a', { kind: 'ping', seq: i, rumours: [] })
    assert.equal(solo.sent('ping').length, 1)
  })

  it('the recently dead hear gossip', () => {
    const solo = new Solo(['a', 'b'])
    solo.run(10_000, solo.answering())
    solo.gossip('b', claim('a', 'dead', 1))
    solo.effects = []
    solo.run(1000, solo.answering())
    assert.ok(solo.sent('gossip').some(({ to }) => to === 'a'))
  })
})

describe('processes', () => {
  it('a message of an earlier start is not heard', () => {
    const solo = new Solo()
    solo.introduce('a', firstIncarnation(5), { ...solo.core.self(), boot: 5 })
    solo.effects = []
    const effects = solo.message(remote('a', 4), { kind: 'ping', seq: 1, rumours: [] })
    assert.deepEqual(effects, [])
  })

  it('a later start begins above every incarnation of the earlier one', () => {
    assert.ok(firstIncarnation(6) > firstIncarnation(5) + 1_000_000)
    assert.ok(firstIncarnation(2 ** 40) < INCARNATION_MAX)
  })

  it('one that speaks under a later boot is asked for its state', () => {
    const solo = new Solo(['a'])
    solo.run(2000, solo.answering())
    solo.effects = []
    solo.message(remote('a', 2), { kind: 'nack', seq: 1 })
    assert.ok(solo.effects.some((effect) => effect.kind === 'exchange' && effect.peer === 'a'))
  })
})
