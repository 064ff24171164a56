import assert from 'node:assert/strict'
import { Awareness } from '../../src/swim/awareness.ts'
import {
  LAN,
  nackAfterMs,
  pushPullIntervalMs,
  transmitLimit,
  WAN,
} from '../../src/swim/parameters.ts'
import {
  confirmationsWanted,
  strongQuorum,
  Suspicion,
  suspicionMinMs,
  suspicionMs,
} from '../../src/swim/suspicion.ts'

describe('swim formulas', () => {
  it('a rumour is sent λ · ⌈log10(n + 1)⌉ times', () => {
    const rows: [number, number, number][] = [
      [4, 0, 0],
      [4, 1, 4],
      [4, 9, 4],
      [4, 10, 8],
      [4, 99, 8],
      [4, 100, 12],
      [2, 16, 4],
    ]
    for (const [mult, size, expected] of rows) assert.equal(transmitLimit(mult, size), expected)
  })

  it('state exchanges become rarer with each doubling beyond 32 members', () => {
    const rows: [number, number][] = [
      [1, 30],
      [32, 30],
      [33, 60],
      [64, 60],
      [65, 90],
      [128, 90],
      [1024, 180],
    ]
    for (const [size, seconds] of rows)
      assert.equal(pushPullIntervalMs(30_000, size), seconds * 1000)
  })

  it('suspicion lasts α · max(1, log10 n) periods at least (Lifeguard §4.2)', () => {
    const rows: [number, number, number][] = [
      [4, 0, 4000],
      [4, 1, 4000],
      [4, 10, 4000],
      [4, 100, 8000],
      [5, 128, 10_536],
      [4, 1000, 12_000],
    ]
    for (const [suspicionMult, size, expected] of rows) {
      const ms = suspicionMinMs({ periodMs: 1000, suspicionMult }, size)
      assert.equal(Math.round(ms), expected)
    }
    assert.equal(suspicionMinMs(WAN, 5), 30_000)
  })

  it('as many confirmations are wanted as α − 2, none where there are too few members', () => {
    const rows: [number, number, number][] = [
      [4, 2, 0],
      [4, 3, 0],
      [4, 4, 2],
      [4, 100, 2],
      [5, 4, 0],
      [5, 5, 3],
      [2, 9, 0],
      [1, 9, 0],
    ]
    for (const [mult, size, k] of rows) assert.equal(confirmationsWanted(mult, size), k)
  })

  it('confirmations shrink the time-out from max to min (Lifeguard §4.2)', () => {
    const rows: [number, number, number][] = [
      [3, 0, 30_000],
      [3, 1, 16_000],
      [3, 2, 7811],
      [3, 3, 2000],
      [3, 9, 2000],
      [0, 0, 2000],
      [0, 4, 2000],
    ]
    for (const [wanted, confirmed, expected] of rows) {
      assert.equal(Math.round(suspicionMs(2000, 30_000, wanted, confirmed)), expected)
    }
  })

  it('strong evidence takes at least two members', () => {
    assert.deepEqual([1, 3, 4, 5, 6].map(strongQuorum), [2, 2, 2, 3, 4])
  })

  it('a helper that has no answer says so at 80 % of the time-out', () => {
    assert.equal(nackAfterMs(500), 400)
  })
})

describe('suspicion', () => {
  const weak = (by: string) => ({ by, strong: false })
  const strong = (by: string) => ({ by, strong: true })
  const start = (first = weak('a')) => new Suspicion(LAN, 16, 1000, first)
  const minMs = suspicionMinMs(LAN, 16)

  it('runs six times as long for a lone accuser', () => {
    assert.equal(start().deadline, 1000 + 6 * minMs)
  })

  it('does not let the first accuser confirm itself', () => {
    const suspicion = start()
    assert.equal(suspicion.accuse(weak('a')), false)
    assert.equal(suspicion.confirmed, 0)
    assert.equal(suspicion.deadline, 1000 + 6 * minMs)
  })

  it('is shortest after k others accused, and counts none beyond', () => {
    const suspicion = start()
    assert.equal(suspicion.accuse(weak('b')), true)
    assert.ok(suspicion.deadline > 1000 + minMs)
    assert.equal(suspicion.accuse(weak('c')), true)
    assert.equal(Math.round(suspicion.deadline), Math.round(1000 + minMs))
    assert.equal(suspicion.accuse(weak('d')), false, 'no news: need not be passed on')
    assert.equal(suspicion.confirmed, 2)
  })

  it('lasts one period once two members met strong evidence', () => {
    const suspicion = start(strong('a'))
    assert.equal(suspicion.deadline, 1000 + 6 * minMs, 'a firewall may lie to one')
    suspicion.accuse(strong('a'))
    assert.equal(suspicion.deadline, 1000 + 6 * minMs, 'nor is one heard twice')
    assert.equal(suspicion.accuse(strong('b')), true)
    assert.equal(suspicion.deadline, 2000)
  })

  it('takes a weak accuser who learned better as a strong one', () => {
    const suspicion = start()
    suspicion.accuse(strong('b'))
    assert.equal(suspicion.accuse(strong('a')), true)
    assert.equal(suspicion.deadline, 2000)
    suspicion.withdraw('b')
    assert.ok(suspicion.deadline > 2000)
  })

  it('is postponed for our own standstill, once', () => {
    const suspicion = start()
    const late = suspicion.deadline + 7000
    assert.equal(suspicion.postpone(late), true)
    assert.equal(suspicion.deadline, late + 1000)
    assert.equal(suspicion.postpone(late + 9000), false)
  })

  it('holds a bounded number of accusers', () => {
    const suspicion = start()
    for (let i = 0; i < 100; i++) suspicion.accuse(strong(`x${i}`))
    assert.equal(suspicion.accusations().length, 8)
  })
})

describe('local health', () => {
  it('stays within 0 and its maximum, and stretches time', () => {
    const awareness = new Awareness(8)
    const rows: [number, number][] = [
      [0, 0],
      [-1, 0],
      [1, 1],
      [3, 4],
      [9, 7],
      [-1, 6],
      [-9, 0],
    ]
    for (const [delta, score] of rows) {
      awareness.change(delta)
      assert.equal(awareness.score, score)
      assert.equal(awareness.scale(500), 500 * (score + 1))
    }
  })
})
