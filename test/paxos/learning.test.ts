/**
 * What a disk makes of a topology (REGISTERS.md §4, "learn"): as a table, against the rule written
 * down once more, and as one batch with the topology itself.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { NO_BALLOT } from '../../src/paxos/ballot.ts'
import { learned, type PartitionState, PartitionStates } from '../../src/paxos/partition-state.ts'
import type { Partition } from '../../src/topology/topology.ts'
import { FakeDatabase } from '../topology/fakes.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { genesisOf, memberOf } from '../topology/members.ts'

const ME = 'me'
const FLOOR = { cfg: 2, counter: 7, storageId: 'd', boot: 1 }
const state = (dataCfg: number, installed = 0): PartitionState => ({
  generation: 3,
  dataCfg,
  installed,
  floor: FLOOR,
  counterMax: 5,
})
const WIPED: PartitionState = {
  generation: 4,
  dataCfg: 0,
  installed: 0,
  floor: NO_BALLOT,
  counterMax: 0,
}
const placed = (cfg: number, replicas: string[], prev: Partition['prev']): Partition => ({
  cfg,
  replicas,
  prev,
  former: [],
})

describe('a disk that learns a topology', () => {
  const others = ['x', 'y']
  const mine = [ME, 'x']
  const table: readonly (readonly [
    what: string,
    before: PartitionState,
    placed: Partition,
    after: PartitionState,
  ])[] = [
    ['stays as it is when nothing changes', state(6, 6), placed(6, mine, null), state(6, 6)],
    [
      'takes the configuration it gets data by, before any is installed',
      state(0),
      placed(6, mine, { cfg: 4, replicas: others }),
      { ...state(0), dataCfg: 6 },
    ],
    [
      'keeps its data when it stays a replica of what moves, not installed',
      state(4, 4),
      placed(6, mine, { cfg: 4, replicas: [ME, 'y'] }),
      { ...state(4, 4), dataCfg: 6 },
    ],
    [
      'keeps its data, under their old mark, while it only hands over',
      state(4, 4),
      placed(6, others, { cfg: 4, replicas: mine }),
      state(4, 4),
    ],
    ['deletes when what it handed over is retired', state(4, 4), placed(6, others, null), WIPED],
    [
      'is installed by the end of the movement, told or not',
      state(6, 0),
      placed(6, mine, null),
      state(6, 6),
    ],
    [
      'wipes what it has of a configuration that it slept through, and begins anew',
      state(2, 2),
      placed(6, mine, { cfg: 4, replicas: others }),
      { ...WIPED, dataCfg: 6 },
    ],
    [
      'wipes it as well where it only hands over, and marks nothing',
      state(2, 2),
      placed(6, others, { cfg: 4, replicas: mine }),
      WIPED,
    ],
    [
      'wipes it as well when the movement is over already',
      state(2, 2),
      placed(6, mine, null),
      { ...WIPED, dataCfg: 6, installed: 6 },
    ],
    ['has nothing to do with what is elsewhere', state(0), placed(6, others, null), state(0)],
  ]
  for (const [what, before, partition, after] of table) {
    it(what, () => assert.deepEqual(learned(before, partition, ME), after))
  }

  it('does what the rule says, whatever it has and whatever it has skipped', () => {
    const cfgs = fc.constantFrom(0, 2, 4, 6)
    const sets = fc.subarray([ME, 'x', 'y'], { minLength: 1 })
    fc.assert(
      fc.property(cfgs, cfgs, sets, fc.option(sets), (dataCfg, installed, replicas, old) => {
        const before = state(dataCfg, Math.min(dataCfg, installed))
        const prev = old === null ? null : { cfg: 4, replicas: old }
        const after = learned(before, placed(6, replicas, prev), ME)
        // The rule, sentence by sentence.
        const isWiped = dataCfg !== 0 && dataCfg !== 6 && !(prev !== null && dataCfg === 4)
        const isReplica = replicas.includes(ME)
        const isDeleted = dataCfg !== 0 && !isReplica && prev === null
        assert.equal(after.generation, before.generation + (isWiped || isDeleted ? 1 : 0))
        const kept = isWiped || isDeleted ? 0 : dataCfg
        assert.equal(after.dataCfg, isReplica ? 6 : kept)
        if (isReplica && prev === null) assert.equal(after.installed, 6)
        else assert.equal(after.installed, isWiped || isDeleted ? 0 : before.installed)
        const isKept = after.generation === before.generation
        assert.deepEqual(after.floor, isKept ? FLOOR : NO_BALLOT)
        assert.equal(after.counterMax, isKept ? before.counterMax : 0)
      }),
    )
  })
})

describe('the state of a partition', () => {
  const setUp = () => {
    const clock = new ManualClock()
    const database = new FakeDatabase(clock)
    const member = memberOf('a')
    const genesis = genesisOf([member], { partitions: 4 })
    const states = new PartitionStates(database, member.storageId)
    const commit = async (writes: Parameters<typeof database.commit>[0]): Promise<void> => {
      const done = database.commit(writes)
      await clock.advance(5)
      await done
    }
    return { database, states, genesis, commit, self: member.storageId }
  }

  it('changes with the topology that is shown, and not when the disk has it', async () => {
    const { states, genesis, commit } = setUp()
    const { cfg } = genesis.partitions[0] ?? { cfg: 0 }
    const writes = states.onLearn(genesis)
    assert.equal(writes.length, 4)
    await commit(writes)
    assert.equal(states.durable(0).dataCfg, 0, 'the old topology is still shown')
    assert.equal(states.latest(0).dataCfg, cfg)
    states.onLearned()
    assert.deepEqual([states.durable(0).dataCfg, states.durable(0).installed], [cfg, cfg])
    assert.deepEqual(states.onLearn(genesis), [], 'learned once')
  })

  it('that was changed under a topology which is over does not come back', async () => {
    const { states, genesis, commit, self } = setUp()
    await commit(states.onLearn(genesis))
    states.onLearned()
    const before = states.durable(1)
    const gone = genesis.partitions.map(() => placed(9, ['other'], null))
    await commit(states.onLearn({ ...genesis, number: 9, partitions: gone }))
    states.onLearned()
    assert.equal(states.durable(1).generation, before.generation + 1)
    // A write of before, confirmed late.
    states.confirm(1, { ...before, counterMax: 99 })
    assert.equal(states.durable(1).counterMax, 0)
    assert.notEqual(self, '')
  })
})
