import assert from 'node:assert/strict'
import { InstalledEvidence } from '../../src/topology/evidence.ts'
import type { Emptied, Installed } from '../../src/topology/issuer.ts'
import { MovementReporter, REPORT_ITEMS_MAX } from '../../src/topology/movement-reporter.ts'
import { planTopology } from '../../src/topology/planner.ts'
import { pushTargets } from '../../src/topology/push.ts'
import type { Topology, TopologyView } from '../../src/topology/topology.ts'
import { recordingLog } from './fakes.ts'
import { ManualClock } from './manual-clock.ts'
import { disksOf, genesisOf, inputOf, membersOf } from './members.ts'

const members = membersOf(4)
const moving = movingFrom(genesisOf(members, { partitions: 16 }))
const replicas = moving.partitions[0]?.replicas ?? []
const LEAVER = members[3]?.storageId ?? ''

function movingFrom(start: Topology): Topology {
  const { next } = planTopology(inputOf(start, members.slice(0, 3)))
  assert.ok(next !== null)
  return next
}

function retired(topology: Topology): Topology {
  const partitions = topology.partitions.map((each) => ({ ...each, prev: null }))
  return { ...topology, number: topology.number + 1, partitions }
}

class Desk {
  readonly clock = new ManualClock()
  readonly sent: Installed[][] = []
  readonly emptied: Emptied[][] = []
  readonly listeners = new Set<(topology: Topology) => void>()
  fails = false
  now: Topology | null
  readonly reporter: MovementReporter

  constructor(topology: Topology | null) {
    this.now = topology
    const view: TopologyView = {
      current: () => this.now,
      subscribe: (listener) => {
        this.listeners.add(listener)
        return () => void this.listeners.delete(listener)
      },
      catchUp: async () => undefined,
    }
    const report = async (installed: readonly Installed[], emptied: readonly Emptied[]) => {
      if (installed.length > 0) this.sent.push([...installed])
      if (emptied.length > 0) this.emptied.push([...emptied])
      if (this.fails) throw new Error('unreachable')
    }
    const { clock } = this
    this.reporter = new MovementReporter({
      self: LEAVER,
      topology: view,
      issuer: { report },
      clock,
      log: recordingLog([]),
    })
  }

  learn(topology: Topology): void {
    this.now = topology
    for (const listener of this.listeners) listener(topology)
  }
}

describe('movement reporter', () => {
  it('sends the reports of a burst together, and again until prev is gone', async () => {
    const desk = new Desk(moving)
    for (let p = 0; p < 16; p++) desk.reporter.reportInstalled(p, 2)
    await desk.clock.advance(50)
    assert.deepEqual(
      desk.sent.map(({ length }) => length),
      [16],
    )
    await desk.clock.advance(2000)
    assert.equal(desk.sent.length, 2)
    desk.learn(retired(moving))
    assert.equal(desk.reporter.pending, 0)
    await desk.clock.advance(10_000)
    assert.equal(desk.sent.length, 2)
    assert.equal(desk.clock.pending, 0)
  })

  it('reports nothing that does not move, and nothing twice in a burst', async () => {
    const desk = new Desk(moving)
    desk.reporter.reportInstalled(0, 1)
    desk.reporter.reportInstalled(0, 3)
    desk.reporter.reportInstalled(99, 2)
    assert.equal(desk.reporter.pending, 0)
    for (let i = 0; i < 5; i++) desk.reporter.reportInstalled(3, 2)
    await desk.clock.advance(50)
    assert.deepEqual(desk.sent, [[{ partition: 3, cfg: 2 }]])
    new Desk(null).reporter.reportInstalled(0, 2)
  })

  it('goes on when the issuer is away', async () => {
    const desk = new Desk(moving)
    desk.fails = true
    desk.reporter.reportInstalled(0, 2)
    await desk.clock.advance(6500)
    assert.equal(desk.sent.length, 4)
  })

  it('cuts many partitions into messages of bounded size', async () => {
    const many = movingFrom(genesisOf(members, { partitions: 8192 }))
    const desk = new Desk(many)
    for (let p = 0; p < 8192; p++) desk.reporter.reportInstalled(p, 2)
    await desk.clock.advance(50)
    assert.deepEqual(
      desk.sent.map(({ length }) => length),
      [REPORT_ITEMS_MAX, REPORT_ITEMS_MAX],
    )
  })

  it('is silent after stop', async () => {
    const desk = new Desk(moving)
    desk.reporter.reportInstalled(0, 2)
    await desk.reporter.stop()
    desk.reporter.reportInstalled(1, 2)
    await desk.clock.advance(10_000)
    assert.equal(desk.sent.length, 0)
    assert.equal(desk.listeners.size, 0)
  })
})

describe('evidence of movement', () => {
  const every = moving.partitions.map((_, partition) => ({ partition, cfg: 2 }))
  const [x = '', y = '', z = ''] = replicas
  const alive = disksOf(members)

  it('is complete when every live replica has reported, and a majority at least', () => {
    const evidence = new InstalledEvidence()
    evidence.add(moving, x, every)
    evidence.add(moving, x, every)
    assert.equal(evidence.installed(moving, alive).size, 0)
    assert.equal(evidence.installed(moving, new Set([x])).size, 0, 'one of three is no majority')
    evidence.add(moving, y, every)
    assert.equal(evidence.installed(moving, alive).size, 0, 'z is alive and has not reported')
    assert.equal(evidence.installed(moving, new Set([x, y])).size, 16)
    evidence.add(moving, z, every.slice(0, 3))
    assert.deepEqual([...evidence.installed(moving, alive).keys()], [0, 1, 2])
  })

  it('takes no word of another cfg, of a stranger, or of what does not move', () => {
    const evidence = new InstalledEvidence()
    const wrong = [-1, 16, 99].map((partition) => ({ partition, cfg: 2 }))
    evidence.add(moving, x, [...every.map(({ partition }) => ({ partition, cfg: 1 })), ...wrong])
    evidence.add(moving, members[3]?.storageId ?? '', every)
    evidence.add(retired(moving), x, every)
    for (const { partition } of every)
      assert.equal(evidence.reported(moving).get(partition)?.length, 0)
  })

  it('forgets what has moved', () => {
    const evidence = new InstalledEvidence()
    evidence.add(moving, x, every)
    assert.deepEqual(evidence.reported(moving).get(0), [x])
    evidence.prune(retired(moving))
    assert.deepEqual(evidence.reported(moving).get(0), [])
  })
})

describe('handing out a topology', () => {
  it('goes to everybody while it is small, roots first', () => {
    const targets = pushTargets(moving, 1000, members[0]?.id ?? '')
    assert.deepEqual(new Set(targets), new Set(members.slice(1, 3).map(({ id }) => id)))
  })

  it('is bounded in bytes when clusters are large', () => {
    const large = { ...moving, members: membersOf(1000), roots: [membersOf(1)[0]?.storageId ?? ''] }
    assert.equal(pushTargets(large, 100_000, '').length, 41)
    assert.equal(pushTargets(large, 4_000_000, '').length, 16)
    const next = pushTargets({ ...large, number: 3 }, 100_000, '')
    assert.notDeepEqual(next.slice(1), pushTargets(large, 100_000, '').slice(1))
  })
})
