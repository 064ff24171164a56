/** The arithmetic of the detection figures, and what is read from a Serf agent's log. */
import assert from 'node:assert/strict'
import { cumulative } from './cumulative.ts'
import { serfChange } from './serf-line.ts'
import { type ChangeKind, falseAlarms, type Sighting, Sightings, spreadOf } from './sightings.ts'

function saw(observer: string, kind: ChangeKind, member: string, atMs: number): Sighting {
  return { observer, kind, member, atMs }
}

describe("a Serf agent's log", () => {
  const stamp = '    2026/11/21 11:01:38 '
  const lines: readonly (readonly [string, ReturnType<typeof serfChange>])[] = [
    ['[INFO] serf: EventMemberJoin: s1 127.0.0.1', { kind: 'alive', member: 's1' }],
    ['[INFO] serf: EventMemberFailed: s2 127.0.0.1', { kind: 'dead', member: 's2' }],
    ['[INFO] serf: EventMemberLeave: s3 127.0.0.1', { kind: 'left', member: 's3' }],
    [
      '[INFO] memberlist: Suspect s2 has failed, no acks received',
      { kind: 'suspect', member: 's2' },
    ],
    [
      '[INFO] memberlist: Marking s2 as failed, suspect timeout reached (0 peer confirmations)',
      null,
    ],
    ['[DEBUG] memberlist: Failed ping: s2 (timeout reached)', null],
    // What the agent tells its handlers comes up to three seconds later.
    ['[INFO] agent: Received event: member-failed', null],
    ['[INFO] serf: EventMemberReap: s2', null],
  ]
  for (const [line, change] of lines) {
    it(line, () => assert.deepEqual(serfChange(stamp + line), change))
  }

  it('is no change by its other lines', () => {
    assert.equal(serfChange('==> Serf agent running!'), null)
    assert.equal(serfChange(''), null)
  })
})

describe('sightings', () => {
  it('spread from the first observer to the last, counted from the cause', () => {
    const seen = [
      saw('b', 'suspect', 'a', 150),
      saw('b', 'dead', 'a', 300),
      saw('c', 'dead', 'd', 310),
      saw('c', 'dead', 'a', 400),
      saw('c', 'dead', 'a', 900),
    ]
    assert.deepEqual(spreadOf(seen, ['b', 'c'], 'dead', 'a', 100), { firstMs: 200, allMs: 300 })
  })

  it('have no spread before all have heard', () => {
    assert.equal(spreadOf([saw('b', 'dead', 'a', 300)], ['b', 'c'], 'dead', 'a', 0), null)
  })

  it('before the cause do not count', async () => {
    const sightings = new Sightings()
    sightings.add(saw('b', 'dead', 'a', 10))
    await assert.rejects(sightings.heard(['b'], 'dead', 'a', 20, 0), /not all heard that a is dead/)
    sightings.add(saw('b', 'dead', 'a', 25))
    assert.deepEqual(await sightings.heard(['b'], 'dead', 'a', 20, 0), { firstMs: 5, allMs: 5 })
  })

  it('count a false failure once for each that believes it', () => {
    const seen = [saw('b', 'dead', 'a', 1), saw('b', 'dead', 'a', 2), saw('c', 'dead', 'a', 3)]
    assert.equal(falseAlarms(seen).failures, 2)
    assert.equal(falseAlarms([saw('b', 'left', 'a', 1), saw('b', 'alive', 'a', 2)]).failures, 0)
  })

  it('count a suspicion once, however many tell of it, and the next one again', () => {
    const seen = [
      saw('b', 'suspect', 'a', 0),
      saw('c', 'suspect', 'a', 200),
      saw('c', 'suspect', 'd', 300),
      saw('d', 'suspect', 'a', 4_900),
      saw('b', 'suspect', 'a', 20_000),
    ]
    assert.deepEqual(falseAlarms(seen), { failures: 0, suspicions: 3 })
  })
})

describe('a cumulative distribution', () => {
  it('rises by one share at each sample', () => {
    assert.deepEqual(cumulative([3, 1]), [
      [1, 0],
      [1, 0.5],
      [3, 0.5],
      [3, 1],
    ])
  })

  it('of nothing is empty', () => assert.deepEqual(cumulative([]), []))
})
