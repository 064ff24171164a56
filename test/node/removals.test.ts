/** Who was removed: as the topology says, or as those say who refuse this node. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import { Metrics } from '../../src/base/metrics.ts'
import { copyRefusal } from '../../src/mesh/lineage.ts'
import { unwelcome } from '../../src/mesh/welcome.ts'
import type { Status } from '../../src/node/api.ts'
import { declareNodeMetrics } from '../../src/node/metrics.ts'
import { removedError, Removals, type RemovalsOptions } from '../../src/node/removals.ts'
import { shownState } from '../../src/node/status.ts'
import type { Topology } from '../../src/topology/topology.ts'
import type { Member } from '../../src/swim/member.ts'
import { recordingLog, type LogLine } from '../topology/fakes.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { genesisOf, memberOf } from '../topology/members.ts'

const SELF = memberOf('self')
const OTHER = memberOf('other')
const OF_BOTH: Topology = { ...genesisOf([SELF]), members: [SELF, OTHER] }
const memberNamed = (name: string): Member =>
  ({
    ...memberOf(name),
    state: 'alive',
    role: 'member',
    incarnation: 1,
    tags: {},
  }) as unknown as Member

class Rig {
  readonly clock = new ManualClock()
  readonly lines: LogLine[] = []
  readonly forgotten: string[] = []
  readonly removals: Removals
  #current: Topology | null = null
  #told: (next: Topology) => void = () => assert.fail('nobody listens')
  refuse: (by: string, error: AtollError) => void = () => assert.fail('nobody listens')

  constructor(self = SELF.storageId, first: Topology | null = null) {
    this.#current = first
    const mesh = {
      self: { peer: SELF.id },
      onRefused: (listener: (by: string, error: AtollError) => void) => {
        this.refuse = listener
      },
      forget: (peer: string) => this.forgotten.push(peer),
    } as unknown as RemovalsOptions['mesh']
    this.removals = new Removals({
      self,
      mesh,
      membership: () => ({ members: () => [memberNamed('self'), memberNamed('other')] }),
      topology: {
        current: () => this.#current,
        subscribe: (listener) => {
          this.#told = listener
          return () => {
            this.#told = () => undefined
          }
        },
      },
      clock: this.clock,
      log: recordingLog(this.lines),
    })
  }

  learn(number: number, removed: readonly string[]): void {
    this.#current = { ...genesisOf([SELF]), number, removed }
    this.#told(this.#current)
  }
}

describe('removals', () => {
  it('are told by the topology, first of all of this node itself', () => {
    const rig = new Rig()
    assert.equal(rig.removals.self, null)
    rig.learn(4, [])
    assert.equal(rig.removals.self, null)
    rig.learn(5, [SELF.storageId])
    rig.learn(6, [SELF.storageId])
    assert.deepEqual(rig.removals.self, { kind: 'topology', number: 5 })
    assert.equal(rig.removals.stateOf(memberNamed('self')), 'removed')
    assert.equal(rig.removals.stateOf(memberNamed('other')), 'alive')
    assert.deepEqual(
      rig.lines.map(({ event }) => event),
      ['node.removed'],
    )
    const error = removedError({ kind: 'topology', number: 5 }, String)
    assert.equal(error.code, 'DENIED')
    assert.equal(error.outcome, 'not-applied')
  })

  it('are found in the topology that the disk has', () => {
    const rig = new Rig(SELF.storageId, { ...genesisOf([SELF]), removed: [SELF.storageId] })
    assert.equal(rig.removals.self?.kind, 'topology')
  })

  it('are told by a member that refuses this node; the topology knows better', () => {
    const rig = new Rig(SELF.storageId, OF_BOTH)
    const told = unwelcome('DENIED', SELF.id, 'cluster')
    rig.refuse(OTHER.id, new AtollError('DENIED', `refused by ${OTHER.id}: ${told.message}`))
    assert.deepEqual(rig.removals.self, { kind: 'refused', by: OTHER.id })
    rig.learn(5, [SELF.storageId])
    assert.deepEqual(rig.removals.self, { kind: 'topology', number: 5 })
    assert.equal(rig.lines.length, 1)
  })

  it('are not taken from who is no member: anybody with the network key can refuse', () => {
    const told = unwelcome('DENIED', SELF.id, 'cluster')
    for (const known of [null, genesisOf([SELF])]) {
      const rig = new Rig(SELF.storageId, known)
      rig.refuse(OTHER.id, new AtollError('DENIED', `refused by ${OTHER.id}: ${told.message}`))
      assert.equal(rig.removals.self, null)
      assert.deepEqual(rig.lines, [])
    }
  })

  it('are not taken from other refusals, nor from those that this node gave', () => {
    const rig = new Rig(SELF.storageId, OF_BOTH)
    rig.refuse(OTHER.id, unwelcome('DENIED', OTHER.id, 'cluster'))
    rig.refuse(OTHER.id, new AtollError('DENIED', 'the certificate has expired'))
    rig.refuse(OTHER.id, unwelcome('BUSY', SELF.id, 'cluster'))
    assert.equal(rig.removals.self, null)
  })

  it('are told by a member that knows another start of this disk', () => {
    const start = { storageId: SELF.storageId, boot: 2, run: 1 }
    const told = copyRefusal(SELF.id, { ...start, run: 2 }, start, []) as AtollError
    const rig = new Rig(SELF.storageId, OF_BOTH)
    rig.refuse(OTHER.id, new AtollError('CONFLICT', 'some other conflict'))
    assert.equal(rig.removals.self, null)
    rig.refuse(OTHER.id, new AtollError(told.code, `refused by ${OTHER.id}: ${told.message}`))
    assert.deepEqual(rig.removals.self, { kind: 'copied', by: OTHER.id })
    const error = removedError({ kind: 'copied', by: OTHER.id }, () => 'other')
    assert.match(error.message, /is a copy, or was restored.*says other/)
    assert.match(error.hint ?? '', /empty its data directory/)
  })

  it('do not concern an edge', () => {
    const rig = new Rig('')
    rig.learn(5, [''])
    assert.equal(rig.removals.self, null)
  })

  it('cut the links to a removed member, once it had time to learn why', async () => {
    const rig = new Rig()
    rig.learn(5, [OTHER.storageId])
    assert.equal(rig.removals.stateOf(memberNamed('other')), 'removed')
    await rig.clock.advance(1000)
    assert.deepEqual(rig.forgotten, [])
    await rig.clock.advance(5000)
    assert.deepEqual(rig.forgotten, [OTHER.id])
  })

  it('cut them also while one topology follows the other', async () => {
    const rig = new Rig()
    for (let number = 5; number < 10; number++) {
      rig.learn(number, [OTHER.storageId])
      await rig.clock.advance(1000)
    }
    assert.deepEqual(rig.forgotten, [OTHER.id])
  })

  it('are a state of the node, in its metrics as in its status', () => {
    const rig = new Rig()
    const metrics = new Metrics()
    const state = (): Status['state'] => shownState('running', { removals: rig.removals })
    declareNodeMetrics(metrics, { state, uptimeSeconds: () => 1, warnings: () => 0 })
    const shown = (): string[] => {
      const family = metrics.collect().find(({ name }) => name === 'atoll_node_state')
      const samples = (family?.samples ?? []).filter((each) => 'value' in each && each.value === 1)
      return samples.map(({ labels }) => labels['state'] ?? '')
    }
    assert.deepEqual(shown(), ['running'])
    rig.learn(5, [SELF.storageId])
    assert.deepEqual(shown(), ['removed'])
  })

  it('cut nothing when the node has stopped, and never this node', async () => {
    const rig = new Rig()
    rig.learn(5, [OTHER.storageId])
    rig.removals.stop()
    // The layers below go on for a moment.
    rig.learn(6, [OTHER.storageId, 'another'])
    const other = new Rig()
    other.learn(5, [SELF.storageId])
    await rig.clock.advance(10_000)
    await other.clock.advance(10_000)
    assert.deepEqual([...rig.forgotten, ...other.forgotten], [])
  })
})
