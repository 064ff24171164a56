import assert from 'node:assert/strict'
import { AWAY_MAX, FORMER_MAX, FORMERS_MAX } from '../../src/topology/limits.ts'
import { MovementReporter } from '../../src/topology/movement-reporter.ts'
import { planTopology } from '../../src/topology/planner.ts'
import { refusalOfSuccessor } from '../../src/topology/validate.ts'
import type { Partition, Topology } from '../../src/topology/topology.ts'
import { importMutant, type Mutation } from '../mutate.ts'
import { recordingLog } from './fakes.ts'
import { RULES } from './former-rules.ts'
import { ManualClock } from './manual-clock.ts'
import { disksOf, genesisOf, inputOf, membersOf, settle } from './members.ts'

const file = (name: string, from: string, to: string): Mutation => ({
  file: `topology/${name}.ts`,
  from,
  to,
})

const MUTANTS: Readonly<Record<string, Mutation>> = {
  'words of another configuration': file('offered', 'state.cfg !== cfg ||', ''),
  'a word of anybody': file('offered', 'by?.has(id) === true ||', 'by !== null ||'),
  'forgets too late': file('offered', 'by.delete(id)\n', 'by.has(id)\n'),
  'nobody says goodbye': file(
    'decider',
    'offered(current, count.left)',
    'offered(current, new Set())',
  ),
  'whoever is dead has left': file(
    'census',
    "if (state === 'left') this.#left.add",
    "if (state !== 'alive') this.#left.add",
  ),
  'a goodbye is forgotten when its peer joins again': file(
    'census',
    'for (const { state, storageId } of',
    'this.#left.clear()\n    for (const { state, storageId } of',
  ),
  'says it once': file(
    'movement-reporter',
    '      this.#arm(this.#installed.size',
    '      if (this.#installed.size > 0) this.#arm(this.#installed.size',
  ),
  'says it for ever': file(
    'movement-reporter',
    'this.#emptied.delete(partition)',
    'this.#emptied.has(partition)',
  ),
  'those away cannot be removed': file(
    'removal',
    'topology.away.some((disk) => disk.storageId === storageId)',
    'false',
  ),
  'each word is urgent': file(
    'planner',
    'const minor = reasons.length === 0 && small.length > 0',
    'const minor = reasons.length === 0 && small.length > 9',
  ),
}

describe('former replicas', function () {
  this.timeout(20_000)
  for (const [name, rule] of Object.entries(RULES)) it(name, () => rule())

  it('are bounded: a partition with many moves no more', () => {
    const members = membersOf(4)
    const { topology } = settle(
      planTopology,
      genesisOf(members, { partitions: 8 }),
      members.slice(0, 3),
    )
    const old = membersOf(FORMER_MAX, 'old')
    const away = old.map(({ storageId, name }) => ({ storageId, name }))
    const full = (count: number, each: number): Topology => ({
      ...topology,
      away: away.slice(0, each),
      partitions: topology.partitions.map((partition, i): Partition => {
        const former = i < count ? away.slice(0, each).map(({ storageId }) => storageId) : []
        return { ...partition, former }
      }),
    })
    const movedOf = (from: Topology): number[] => {
      const { next } = planTopology(inputOf(from, members))
      assert.ok(next !== null)
      assert.equal(refusalOfSuccessor(from, next), null)
      return next.partitions.flatMap(({ prev }, i) => (prev === null ? [] : [i]))
    }
    assert.deepEqual(movedOf(full(8, FORMER_MAX)), [])
    assert.deepEqual(movedOf(full(8, FORMER_MAX - 2)), [])
    assert.ok(movedOf(full(8, FORMER_MAX - 3)).length > 1)
    assert.deepEqual(new Set(movedOf(full(7, FORMER_MAX))), new Set([7]))
  })

  it('are bounded in all: nothing moves when there are too many', () => {
    const members = membersOf(4)
    const start = genesisOf(members, { partitions: 8192 })
    const { topology } = settle(planTopology, start, members.slice(0, 3))
    const old = membersOf(FORMERS_MAX / 8192, 'old')
    const away = old.map(({ storageId, name }) => ({ storageId, name }))
    const former = away.map(({ storageId }) => storageId)
    const partitions: Partition[] = topology.partitions.map((each) => ({ ...each, former }))
    const room = 7
    partitions[0] = { ...topology.partitions[0], former: former.slice(room) } as Partition
    const { next } = planTopology(inputOf({ ...topology, away, partitions }, members))
    assert.equal(next?.partitions.filter(({ prev }) => prev !== null).length, 2)
  })

  it('are bounded as disks: nobody goes from the members when too many are away', () => {
    const members = membersOf(5)
    const { topology } = settle(planTopology, genesisOf(members, { partitions: 128 }), members)
    const away = membersOf(AWAY_MAX, 'old').map(({ storageId, name }) => ({ storageId, name }))
    const partitions = topology.partitions.map((each, i): Partition => {
      return { ...each, former: away.slice(i * 32, i * 32 + 32).map(({ storageId }) => storageId) }
    })
    const [gone] = members
    assert.ok(gone !== undefined)
    const rest = members.slice(1)
    const lost = { lost: new Set([gone.storageId]) }
    for (const [room, isMember] of [
      [0, true],
      [1, false],
    ] as const) {
      const full = { ...topology, away: away.slice(room), partitions: [...partitions] }
      full.partitions[0] = {
        ...partitions[0],
        former: partitions[0]?.former.slice(room),
      } as Partition
      const { topology: end } = settle(planTopology, full, rest, lost)
      assert.equal(disksOf(end.members).has(gone.storageId), isMember)
      assert.ok(end.partitions.every(({ replicas }) => !replicas.includes(gone.storageId)))
    }
  })

  it('say it in messages of bounded size', async () => {
    const members = membersOf(4)
    const start = genesisOf(members, { partitions: 8192 })
    const [{ storageId } = { storageId: '' }] = members.slice(3)
    const partitions = start.partitions.map((each) => ({ ...each, former: [storageId] }))
    const topology = { ...start, members, partitions }
    const sizes: number[] = []
    const clock = new ManualClock()
    const reporter = new MovementReporter({
      self: storageId,
      topology: {
        current: () => topology,
        subscribe: () => () => undefined,
        catchUp: async () => undefined,
      },
      issuer: {
        report: async (_, emptied) => void sizes.push(emptied.length),
      },
      clock,
      log: recordingLog([]),
    })
    for (let i = 0; i < 8192; i++) reporter.reportEmptied(i, 1)
    reporter.reportEmptied(0, 2)
    reporter.reportEmptied(9999, 1)
    await clock.advance(100)
    assert.deepEqual(sizes, [4096, 4096])
    await reporter.stop()
  })

  for (const [name, mutant] of Object.entries(MUTANTS)) {
    it(`notices the mutant: ${name}`, async () => {
      const entry = 'test/topology/former-rules.ts'
      const broken = await importMutant<{ RULES: typeof RULES }>(entry, mutant)
      for (const rule of Object.values(broken.RULES)) {
        try {
          await rule()
        } catch {
          return
        }
      }
      assert.fail('all rules hold')
    })
  }
})
