/** Who is asked for what in a page of a scan, whatever fails. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ScanPlan, type Shares } from '../../src/store/scan/scan-plan.ts'
import { genesisOf, memberOf } from '../topology/members.ts'
import type { Topology } from '../../src/topology/topology.ts'

function topologyOf(sets: readonly string[], previous: readonly (string | null)[] = []): Topology {
  const names = [...new Set([...sets, ...previous].join('').split(''))].sort()
  const topology = genesisOf(names.map((name) => memberOf(name)))
  const partitions = sets.map((set, i) => {
    const from = previous[i] ?? null
    const prev = from === null ? null : { cfg: 1, replicas: from.split('') }
    return { ...topology.partitions[0], cfg: 2, replicas: set.split(''), prev }
  })
  return { ...topology, partitions } as unknown as Topology
}

/** Asks until nothing is left; `answers` says who does. The partitions each gave and confirmed. */
function run(plan: ScanPlan, answers: (id: string) => boolean) {
  const gave = new Map<number, string>()
  const confirmed = new Map<number, string[]>()
  let steps = 0
  const step = (shares: Shares, done: (id: string, partitions: readonly number[]) => void) => {
    assert.ok(++steps < 100, 'it ends')
    for (const [id, partitions] of shares) {
      if (answers(id)) done(id, partitions)
      else plan.failed(id)
    }
    return shares.size > 0
  }
  let rounds = 0
  while (
    step(plan.toGive(), (id, partitions) => {
      plan.gave(id, partitions)
      for (const p of partitions) {
        assert.ok(!gave.has(p), 'each partition is given once')
        gave.set(p, id)
      }
    })
  )
    rounds++
  while (
    step(plan.toConfirm(), (id, partitions) => {
      plan.confirmed(id, partitions)
      for (const p of partitions) confirmed.set(p, [...(confirmed.get(p) ?? []), id])
    })
  )
    rounds++
  return { gave, confirmed, rounds }
}

const all = () => true
const flat = () => 1

describe('a plan of a scan', () => {
  it('has each partition given by one replica and confirmed by as many as a majority takes', () => {
    const sets = ['abc', 'bcd', 'cda', 'abcde', 'a', 'ab']
    const plan = new ScanPlan(topologyOf(sets), flat)
    const { gave, confirmed, rounds } = run(plan, all)
    assert.equal(plan.isWhole, true)
    assert.equal(rounds, 2)
    for (const [p, set] of sets.entries()) {
      const asked = [gave.get(p) ?? '', ...(confirmed.get(p) ?? [])]
      assert.equal(new Set(asked).size, asked.length, 'nobody twice')
      assert.ok(asked.every((id) => set.includes(id)))
      assert.equal(asked.length, Math.floor(set.length / 2) + 1, 'and nobody more')
    }
  })

  it('asks who comes first in order, and shares evenly among equals', () => {
    const sets = Array.from(
      { length: 60 },
      (_, i) => ['abc', 'bcd', 'cde', 'dea', 'eab'][i % 5] ?? '',
    )
    const plan = new ScanPlan(topologyOf(sets), (id) => (id === 'a' ? 0 : id === 'e' ? 2 : 1))
    const shares = plan.toGive()
    assert.equal(shares.get('a')?.length, 36, 'all that it holds')
    assert.equal(shares.get('e'), undefined)
    assert.deepEqual(
      ['b', 'c', 'd'].map((id) => shares.get(id)?.length),
      [8, 8, 8],
    )
  })

  it('while data moves needs both sets, and takes it from the one that has it', () => {
    const plan = new ScanPlan(topologyOf(['def', 'abd'], ['abc', 'abc']), flat)
    const { gave, confirmed } = run(plan, all)
    assert.ok('abc'.includes(gave.get(0) ?? '-'))
    const asked = [gave.get(0) ?? '', ...(confirmed.get(0) ?? [])]
    for (const set of ['abc', 'def']) assert.equal(asked.filter((id) => set.includes(id)).length, 2)
    assert.equal(plan.isWhole, true)
    const overlapping = [gave.get(1) ?? '', ...(confirmed.get(1) ?? [])]
    assert.equal(overlapping.length, 2, 'a and b are in both')
    const half = new ScanPlan(topologyOf(['def'], ['abc']), flat)
    run(half, (id) => 'abcd'.includes(id))
    assert.equal(half.isWhole, false)
  })

  it('replaces whoever fails, ends, and is whole exactly where a majority of each set answered', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const set = fc.subarray(names, { minLength: 1, maxLength: 5 }).map((each) => each.join(''))
    const property = fc.property(
      fc.array(fc.tuple(set, fc.option(set)), { minLength: 1, maxLength: 12 }),
      fc.subarray(names),
      fc.subarray(names),
      (parts, down, failing) => {
        const sets = parts.map(([now]) => now)
        const previous = parts.map(([, before]) => before)
        const plan = new ScanPlan(topologyOf(sets, previous), (id) =>
          down.includes(id) ? Number.POSITIVE_INFINITY : 1,
        )
        const answering = (id: string) => !down.includes(id) && !failing.includes(id)
        const { rounds, gave } = run(plan, (id) => {
          assert.ok(!down.includes(id), 'who is down is not asked')
          return !failing.includes(id)
        })
        const has = (group: string | null) =>
          group === null || group.split('').filter(answering).length > Math.floor(group.length / 2)
        assert.equal(
          plan.isWhole,
          parts.every(([now, before]) => has(now) && has(before)),
        )
        assert.ok(rounds <= 2 * names.length + 2)
        for (const [p, [now, before]] of parts.entries()) {
          const somebody = `${now}${before ?? ''}`.split('').some(answering)
          assert.equal(gave.has(p), somebody, 'given if anybody can')
        }
      },
    )
    fc.assert(property, { numRuns: 500 })
  })
})
