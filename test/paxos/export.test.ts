/** What a recovery takes from surviving disks: the newest votes, and versions that only grow. */
import assert from 'node:assert/strict'
import { UNITS_PER_MS } from '../../src/base/hybrid-time.ts'
import {
  type AcceptorRecord,
  decodeAcceptorRecord,
  encodeAcceptorRecord,
} from '../../src/paxos/acceptor.ts'
import { type Ballot, NO_BALLOT } from '../../src/paxos/ballot.ts'
import { CounterGuard } from '../../src/paxos/counter-guard.ts'
import { registerExporter } from '../../src/paxos/export.ts'
import { fold } from '../../src/paxos/fold.ts'
import { RECENT_MAX } from '../../src/paxos/limits.ts'
import {
  type PartitionState,
  PartitionStates,
  registerKey,
} from '../../src/paxos/partition-state.ts'
import { placeOf } from '../../src/paxos/place.ts'
import {
  ABSENT,
  type Change,
  decodeRegister,
  encodeRegister,
  type Register,
  tagOf,
} from '../../src/paxos/register.ts'
import type { Clock } from '../../src/seams/clock.ts'
import type { Partition, Topology } from '../../src/topology/topology.ts'
import { MemoryDatabase } from '../mesh/memory-database.ts'
import { genesisOf, memberOf } from '../topology/members.ts'

const NOW = 1_700_000_000_000
const STATE = { generation: 0, dataCfg: 1, installed: 1, floor: NO_BALLOT, counterMax: 0 }
const STILL: Clock = {
  monotonicMs: () => 0,
  wallMs: () => NOW,
  after: () => assert.fail('nothing waits'),
  soon: () => assert.fail('nothing waits'),
}
const KEY = 'k'
const genesis = genesisOf([memberOf('a')], { partitions: 4 })
const { partition } = placeOf(genesis, KEY)
const idOf = (name: string) => memberOf(name).storageId

/** All partitions alike. */
function placed(how: Partition): Topology {
  return { ...genesis, partitions: genesis.partitions.map(() => how) }
}

const ofAll = placed({ cfg: 1, replicas: ['a', 'b', 'c'].map(idOf), prev: null, former: [] })

function textOf(value: string, revision: number, recent: readonly Change[] = []): Register {
  const bytes = new TextEncoder().encode(value)
  return { kind: 'text', value: bytes, revision, changes: recent.length, born: 0, recent }
}

function ballotOf(counter: number, cfg = 1): Ballot {
  return { cfg, counter, storageId: idOf('a'), boot: 1 }
}

class Disk {
  readonly database = new MemoryDatabase()
  readonly directory: string
  readonly storageId: string
  readonly #states: PartitionStates

  constructor(name: string, state: Partial<PartitionState> = {}) {
    this.directory = `/disk/${name}`
    this.storageId = idOf(name)
    this.#states = new PartitionStates(this.database, this.storageId)
    const whole = { ...STATE, ...state }
    void this.database.commit([0, 1, 2, 3].map((each) => this.#states.write(each, whole)))
  }

  vote(key: string, accepted: Ballot, register: Register, promised = accepted): this {
    return this.put(key, { promised, accepted, value: encodeRegister(register) })
  }

  put(key: string, record: AcceptorRecord): this {
    return this.raw(key, encodeAcceptorRecord(record))
  }

  raw(key: string, value: Uint8Array): this {
    const { partition: at } = placeOf(genesis, key)
    const name = registerKey(at, this.#states.latest(at).generation, key)
    void this.database.commit([{ key: name, value }])
    return this
  }
}

class Recovery {
  readonly into = new MemoryDatabase()
  readonly clock: Clock
  readonly storageId = idOf('new')
  readonly #found = genesisOf([memberOf('new')], { partitions: 4 })
  taken = 0

  constructor(wallMs = NOW) {
    this.clock = { ...STILL, wallMs: () => wallMs }
  }

  async run(disks: readonly Disk[], newest = ofAll): Promise<this> {
    const { storageId, clock, into: database } = this
    const target = { storageId, boot: 1, database, topology: this.#found, clock }
    this.taken = await registerExporter.run(disks, newest, target)
    return this
  }

  record(key = KEY): AcceptorRecord | null {
    const { partition: at } = placeOf(this.#found, key)
    const bytes = this.into.get(registerKey(at, 0, key))
    return bytes === undefined ? null : decodeAcceptorRecord(bytes)
  }

  register(key = KEY): Register | null {
    const record = this.record(key)
    return record === null ? null : decodeRegister(record.value)
  }

  text(key = KEY): string | null {
    const register = this.register(key)
    return register === null ? null : new TextDecoder().decode(register.value)
  }

  state(): PartitionState {
    return new PartitionStates(this.into, this.storageId).latest(partition)
  }
}

describe('registers of a recovery', () => {
  it('are of each the newest vote, on whichever disk', async () => {
    const a = new Disk('a').vote('k', ballotOf(5), textOf('old', 5))
    const b = new Disk('b').vote('k', ballotOf(7), textOf('new', 7))
    a.vote('only-a', ballotOf(3), textOf('a', 3))
    b.vote('only-b', ballotOf(3), textOf('b', 3))
    for (const disks of [
      [a, b],
      [b, a],
    ]) {
      const done = await new Recovery().run(disks)
      assert.equal(done.taken, 3)
      assert.deepEqual(
        [KEY, 'only-a', 'only-b'].map((key) => done.text(key)),
        ['new', 'a', 'b'],
      )
    }
  })

  it('go by votes and not by promises', async () => {
    const a = new Disk('a').vote(KEY, ballotOf(5), textOf('old', 5), ballotOf(900))
    const b = new Disk('b').vote(KEY, ballotOf(7), textOf('new', 7))
    assert.equal((await new Recovery().run([a, b])).text(), 'new')
    const none = { accepted: NO_BALLOT, value: new Uint8Array() }
    const promised = new Disk('a').put(KEY, { promised: ballotOf(9), ...none })
    assert.equal((await new Recovery().run([promised])).taken, 0)
    assert.equal((await new Recovery().run([promised, b])).text(), 'new')
  })

  it('are counted once when several disks hold the same vote', async () => {
    const disks = ['a', 'b', 'c'].map((name) => {
      return new Disk(name).vote(KEY, ballotOf(5), textOf('x', 5))
    })
    assert.equal((await new Recovery().run(disks)).taken, 1)
  })

  it('that were deleted are not there; an older vote brings none back', async () => {
    const a = new Disk('a').vote(KEY, ballotOf(5), textOf('old', 5))
    const b = new Disk('b').vote(KEY, ballotOf(7), { ...ABSENT, revision: 7, changes: 2 })
    const done = await new Recovery().run([a, b])
    assert.equal(done.taken, 0)
    assert.equal(done.register(), null)
  })

  it('that were deleted still know what was done under a name', async () => {
    const done = { kind: 'changed', revision: 6, number: null } as const
    const operations = [{ id: 'cx', done }]
    const made: Change = { tag: tagOf(ballotOf(6)), first: 6, last: 6, operations }
    const deleted: Change = { tag: tagOf(ballotOf(7)), first: 7, last: 7, operations: [] }
    const recent = [deleted, made]
    const disk = new Disk('a').vote(KEY, ballotOf(7), {
      ...ABSENT,
      revision: 7,
      changes: 2,
      recent,
    })
    const recovery = await new Recovery().run([disk])
    assert.equal(recovery.taken, 0, 'it has no value')
    const register = recovery.register()
    assert.equal(register?.kind, 'absent')
    const operation = { kind: 'add', by: 1 } as const
    const call = { operation, id: 'cx', since: null, attempts: [] }
    const { counter = 0 } = recovery.record()?.accepted ?? {}
    const { outcomes, isChanged } = fold(register, ballotOf(counter + 1), [call])
    assert.deepEqual([isChanged, ...outcomes], [false, done])
  })

  it('of a disk that was overtaken count only where no other had all', async () => {
    const newest = placed({ cfg: 4, replicas: ['b', 'c', 'd'].map(idOf), prev: null, former: [] })
    const overtaken = new Disk('a').vote(KEY, ballotOf(5), textOf('deleted since', 5))
    const empty = new Disk('b', { dataCfg: 4, installed: 4 })
    assert.equal((await new Recovery().run([overtaken, empty], newest)).taken, 0)
    const behind = new Disk('c').vote(KEY, ballotOf(5), textOf('behind', 5))
    assert.equal((await new Recovery().run([behind, empty], newest)).taken, 0)
    assert.equal((await new Recovery().run([overtaken], newest)).text(), 'deleted since')
    const never = new Disk('b', { dataCfg: 0, installed: 0 })
    assert.equal((await new Recovery().run([overtaken, never], newest)).taken, 1)
    // It was to take the partition over, and had not yet.
    const before = { cfg: 2, replicas: [idOf('x')] }
    const moving = placed({ cfg: 4, replicas: ['b', 'c', 'd'].map(idOf), prev: before, former: [] })
    const begun = new Disk('b', { dataCfg: 4, installed: 0 })
    assert.equal((await new Recovery().run([overtaken, begun], moving)).taken, 1)
  })

  it('of a partition that moves are of both sets of replicas', async () => {
    const before = { cfg: 1, replicas: ['a', 'b'].map(idOf) }
    const moving = placed({ cfg: 4, replicas: ['b', 'c'].map(idOf), prev: before, former: [] })
    const a = new Disk('a').vote(KEY, ballotOf(9), textOf('old', 9))
    a.vote('old', ballotOf(9), textOf('only there', 9))
    const c = new Disk('c', { dataCfg: 4, installed: 0 }).vote(
      KEY,
      ballotOf(7, 4),
      textOf('new', 10),
    )
    const done = await new Recovery().run([a, c], moving)
    assert.deepEqual([done.text(), done.text('old')], ['new', 'only there'])
  })

  it('of a generation that was wiped are gone', async () => {
    const a = new Disk('a', { generation: 3 })
    void a.database.commit([
      {
        key: registerKey(partition, 2, KEY),
        value: encodeAcceptorRecord({
          promised: ballotOf(5),
          accepted: ballotOf(5),
          value: encodeRegister(textOf('wiped', 5)),
        }),
      },
    ])
    assert.equal((await new Recovery().run([a])).taken, 0)
  })

  it('have versions above all that any disk saw', async () => {
    const future = (NOW + 3 * 86_400_000) * UNITS_PER_MS
    const low = () => new Disk('a').vote(KEY, ballotOf(5), textOf('x', 5))
    const none = { accepted: NO_BALLOT, value: new Uint8Array() }
    const seen: Record<string, Disk> = {
      revision: new Disk('b').vote('other', ballotOf(7), textOf('y', future)),
      promise: new Disk('b').put('other', { promised: ballotOf(future), ...none }),
      floor: new Disk('b', { floor: ballotOf(future) }),
      counterMax: new Disk('b', { counterMax: future }),
    }
    for (const [what, disk] of Object.entries(seen)) {
      const done = await new Recovery().run([low(), disk])
      assert.ok((done.register()?.revision ?? 0) > future, what)
      assert.ok(done.state().counterMax > future, 'registers to come too')
      assert.equal(done.record()?.accepted.counter, done.register()?.revision)
      assert.ok(!new CounterGuard(done.into, done.clock).isTooFarAhead(future))
    }
  })

  it('have versions above those of lost disks, by the clock', async () => {
    const done = await new Recovery().run([new Disk('a').vote(KEY, ballotOf(5), textOf('x', 5))])
    assert.ok((done.register()?.revision ?? 0) > NOW * UNITS_PER_MS)
    assert.equal((await new Recovery(0).run([])).taken, 0, 'a clock that was never set')
  })

  it('are a disk’s that belongs to the new cluster, all of them installed', async () => {
    const { cfg } = genesis.partitions[0] ?? { cfg: 0 }
    const done = await new Recovery().run([new Disk('a')])
    const { dataCfg, installed, generation } = done.state()
    assert.deepEqual(
      { dataCfg, installed, generation },
      { dataCfg: cfg, installed: cfg, generation: 0 },
    )
  })

  it('remember their last changes, and count the recovery among them', async () => {
    const changes = Array.from({ length: RECENT_MAX }, (_, i): Change => {
      const tag = { counter: 50 - i, storageId: idOf('a'), boot: 1 }
      const done = { kind: 'changed', revision: 50 - i, number: null } as const
      return { tag, first: 50 - i, last: 50 - i, operations: [{ id: `op${i}`, done }] }
    })
    const disk = new Disk('a').vote(KEY, ballotOf(50), textOf('x', 50, changes))
    const register = (await new Recovery().run([disk])).register()
    assert.equal(register?.changes, RECENT_MAX + 1)
    assert.deepEqual(register.recent[0]?.operations, [])
    assert.equal(register.recent[0].last, register.revision)
    assert.deepEqual(register.recent[1], changes[0])
  })

  it('that cannot be read name their directory', async () => {
    const damaged = [
      new Disk('a').raw(KEY, new Uint8Array([1])),
      new Disk('a').put(KEY, {
        promised: ballotOf(1),
        accepted: ballotOf(1),
        value: new Uint8Array([9]),
      }),
    ]
    for (const disk of damaged) {
      await assert.rejects(new Recovery().run([disk]), {
        code: 'DISK_DAMAGED',
        message: '/disk/a: a register cannot be read',
      })
    }
  })
})
