/** The live lookup beside the stored replicas: whom it found, and every reason to differ. */
import assert from 'node:assert/strict'
import type { LookupExplanation } from '../../src/node/api.ts'
import { lookupExplanation } from '../../src/node/lookup-view.ts'
import type { PassedMember } from '../../src/topology/why-placed.ts'
import { importMutant } from '../mutate.ts'
import { Roll } from '../topology/fakes.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { genesisOf, memberOf } from '../topology/members.ts'

type Explain = typeof lookupExplanation

/** Members a to f, replicas a, b and c; `self` asks. */
function explained(
  explain: Explain,
  self: string,
  found: string,
  passed: readonly (readonly [string, PassedMember['reason']])[] = [],
  dead = '',
): LookupExplanation {
  const members = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => memberOf(name))
  const topology = { ...genesisOf(members), members }
  const roll = new Roll(new ManualClock())
  for (const each of members) roll.set(each, dead.includes(each.name) ? 'dead' : 'alive')
  roll.set(memberOf('x'), 'alive', { role: 'edge', storageId: '' })
  const replicas = members.slice(0, 3).map(({ storageId }) => storageId)
  const over = passed.map(([name, reason], i) => {
    return { storageId: memberOf(name).storageId, rank: i + 1, reason }
  })
  const lookup = { found: found.split('').map((name) => memberOf(name).id), tookMs: 12 }
  const view = roll.viewOf(memberOf(self).id)
  return explain(topology, replicas, { replicas: [], passed: over }, view, lookup)
}

const RULES: Readonly<Record<string, (explain: Explain) => void>> = {
  'nothing is to be said where they agree': (explain) => {
    const { found, why, tookMs } = explained(explain, 'f', 'abcde')
    assert.deepEqual(
      found.map(({ name, is }) => `${name} ${is}`),
      ['a replica', 'b replica', 'c replica', 'd member', 'e member'],
    )
    assert.deepEqual([why, tookMs], [[], 12])
  },
  'a lookup leaves out who asks': (explain) => {
    assert.deepEqual(explained(explain, 'a', 'bcd').why, [
      'a is this daemon: a lookup leaves out who asks',
    ])
  },
  'a replica is down, or was not reached': (explain) => {
    assert.deepEqual(explained(explain, 'f', 'a', [], 'b').why, [
      'b is down',
      'the lookup did not reach c',
    ])
  },
  'a member before the last replica holds none, and why': (explain) => {
    const reasons = [
      ['d', 'full'],
      ['e', 'same-zone'],
    ] as const
    assert.deepEqual(explained(explain, 'f', 'dabec', reasons).why, [
      'd holds none: it is full',
      'e holds none: a replica is in its zone',
    ])
    assert.deepEqual(explained(explain, 'f', 'adbc').why, [
      'd holds none: it is near the key, not its partition',
    ])
    const others = [
      ['d', 'takes-nothing'],
      ['e', 'not-moved'],
    ] as const
    assert.deepEqual(explained(explain, 'f', 'deabc', others).why, [
      'd holds none: it takes no data (capacity 0)',
      'e holds none: data is not moved for distance alone',
    ])
  },
  'edges and strangers are told apart': (explain) => {
    const { found, why } = explained(explain, 'f', 'xabcs')
    assert.deepEqual(
      found.map(({ is }) => is),
      ['edge', 'replica', 'replica', 'replica', 'unknown'],
    )
    assert.deepEqual(why, ['x is an edge: it holds no data'])
    assert.equal(found[4]?.name, memberOf('s').id)
  },
}

const MUTANTS: Readonly<Record<string, readonly [from: string, to: string]>> = {
  'who asks is missed': ['if (id === self) return', 'if (id === null) return'],
  'the dead are missed': [
    "['alive', 'suspect'].includes(",
    "['alive', 'suspect', 'dead'].includes(",
  ],
  'members behind the replicas are explained': ['found.slice(0, last + 1)', 'found'],
  'edges are strangers': ["return role === 'edge' ? 'edge' : 'unknown'", "return 'unknown'"],
  'members are replicas': [
    "replicas.includes(member.storageId) ? 'replica' : 'member'",
    "'replica'",
  ],
}

describe('the live lookup beside the replicas', () => {
  for (const [name, rule] of Object.entries(RULES)) it(name, () => rule(lookupExplanation))

  for (const [name, [from, to]] of Object.entries(MUTANTS)) {
    it(`notices the mutant: ${name}`, async () => {
      const mutation = { file: 'node/lookup-view.ts', from, to }
      const entry = 'src/node/lookup-view.ts'
      const broken = await importMutant<{ lookupExplanation: Explain }>(entry, mutation)
      const fails = Object.values(RULES).some((rule) => {
        try {
          rule(broken.lookupExplanation)
          return false
        } catch {
          return true
        }
      })
      assert.ok(fails, 'all rules hold')
    })
  }
})
