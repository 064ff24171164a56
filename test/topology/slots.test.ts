import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compareBallots, NO_BALLOT } from '../../src/topology/ballot.ts'
import {
  decodeAccept,
  decodeAcceptReply,
  decodePrepare,
  decodePrepareReply,
  encodeAccept,
  encodePrepare,
  encodeReply,
} from '../../src/topology/slot-messages.ts'
import { readSlot } from '../../src/topology/slot-state.ts'
import { isAtollError } from '../../src/base/errors.ts'
import { WireError } from '../../src/wire/codec.ts'
import { importMutant, type Mutation } from '../mutate.ts'
import { duel } from './duels.ts'
import { FakeDatabase } from './fakes.ts'
import { ManualClock } from './manual-clock.ts'
import { memberOf } from './members.ts'
import { RULES } from './slot-rules.ts'

const DUELS = 40

const file = (name: string, from: string, to: string): Mutation => ({
  file: `topology/${name}.ts`,
  from,
  to,
})

const PAST = file(
  'slot-acceptor',
  "return digest >= slot ? { kind: 'decided', number: digest } : null",
  'return null',
)

const MUTANTS: Readonly<Record<string, Mutation>> = {
  'promise not synced': file(
    'slot-acceptor',
    'if (order > 0) await this.#keep({',
    'if (order > 0) void this.#keep({',
  ),
  'vote not synced': file(
    'slot-acceptor',
    '      await this.#keep({ slot, promised: ballot, accepted: { ballot, record } })',
    '      void this.#keep({ slot, promised: ballot, accepted: { ballot, record } })',
  ),
  'shown before it is synced': file(
    'slot-acceptor',
    '    await this.#options.database.commit(slotWrites(state, counter))\n    this.#state = state\n',
    '    this.#state = state\n    await this.#options.database.commit(slotWrites(state, counter))\n',
  ),
  'accept below promise': file(
    'slot-acceptor',
    'if (compareBallots(ballot, state.promised) < 0) {',
    'if (state.accepted !== null && compareBallots(ballot, state.accepted.ballot) < 0) {',
  ),
  'promise below promise': file('slot-acceptor', 'if (order < 0) return', 'if (false) return'),
  'a vote is no promise': file(
    'slot-acceptor',
    '{ slot, promised: ballot, accepted: { ballot, record } }',
    '{ slot, promised: state.promised, accepted: { ballot, record } }',
  ),
  'a promise forgets the vote': file(
    'slot-acceptor',
    '{ ...state, promised: ballot }',
    '{ slot, promised: ballot, accepted: null }',
  ),
  'a promise does not show the vote': file(
    'slot-acceptor',
    'accepted: state.accepted }',
    'accepted: null }',
  ),
  'serves a slot that it is past': PAST,
  'a learned slot stays': file('slot-acceptor', '(this.#state === null ? [] : [dropSlot()])', '[]'),
  'steps in the middle of learning': file(
    'topology-log',
    '    const step = this.#learning.then(work)\n',
    '    const step = work()\n',
  ),
  'votes for what may not follow': file(
    'slot-acceptor',
    'refusalOfSuccessor(current, decodeTopology(record))',
    'decodeTopology(record).number > 0 ? null : refusalOfSuccessor(current, current)',
  ),
  'record without parent check': file('validate', 'next.parent !== hashTopology(parent)', 'false'),
  'move while prev': file('validate', 'if (before.prev !== null)', 'if (before.prev === after)'),
  'prev cleared without reports': file(
    'validate',
    'count >= majorityOf(after.replicas.length)',
    'count >= 0',
  ),
  'cfg goes where it likes': file('validate', 'after.cfg !== number', 'false'),
  'ballots of others': file(
    'slot-acceptor',
    'storageId !== from.storageId || boot !== from.boot',
    'false',
  ),
  'ballots under another peer id': file('slot-acceptor', 'root?.id === from.peer && ', ''),
  'anybody proposes': file('slot-acceptor', ' && current.roots.includes(storageId)', ''),
  'anybody votes': file('slot-acceptor', '!current.roots.includes(self)', 'false'),
  'ballots of the far future': file(
    'slot-acceptor',
    'counter > counterLimit(this.#counter, clock.wallMs())',
    'false',
  ),
  'forgets the counters it has seen': file(
    'slot-state',
    'counter: counter === undefined ? 0 : new WireReader(counter).uint()',
    'counter: 0',
  ),
  'a refusal is logged each time': file('refusals', 'this.#noted.add(pair)', ''),
  'a peer is logged once whatever it asks': file('refusals', '`${reason} ${peer}`', '`${peer}`'),
  'a behind root votes blindly': file(
    'slot-acceptor',
    'if (slot - 1 <= this.#topology.digest) return',
    'if (slot > 0) return',
  ),
  'highest vote ignored': file(
    'slot-proposer',
    'const record = begun?.record ?? (plan === null ? null : encodeTopology(plan))',
    'const record = plan === null ? (begun?.record ?? null) : encodeTopology(plan)',
  ),
  'any vote instead of the highest': file(
    'slot-proposer',
    'compareBallots(one.ballot, highest.ballot) > 0',
    'false',
  ),
  'a lower vote instead of the highest': file(
    'slot-proposer',
    'compareBallots(one.ballot, highest.ballot) > 0',
    'compareBallots(one.ballot, highest.ballot) < 0',
  ),
  'quorum too small': file(
    'slot-proposer',
    'votes.length >= majorityOf(roots.length)',
    'votes.length >= majorityOf(roots.length) - 1',
  ),
  'learns what was accepted and not chosen': file(
    'slot-proposer',
    '    if (record === null) return',
    "    if (begun !== null) return { kind: 'chosen', topology: decodeTopology(begun.record), record: begun.record, ours: false }\n    if (record === null) return",
  ),
  'learns without votes': file(
    'slot-proposer',
    '    if (!isMajority(votes, current)) return this.#lost(votes, current)\n',
    '',
  ),
  'counts answers, not disks': file(
    'slot-proposer',
    'reply.storageId === root.storageId',
    'reply.storageId.length > 0',
  ),
  'a ballot twice': file(
    'slot-proposer',
    'this.#counters.next(floor, wallMs)',
    'Math.floor(wallMs / 10_000_000) * 10_000_000 * 1024',
  ),
  'a clock that was wild is never got over': file(
    'slot-proposer',
    'this.#counters.goBack(wallMs)',
    'this.#counters.next(0, wallMs)',
  ),
  'a wild ballot lies on our own disk first': file(
    'slot-proposer',
    'if (isOwn && isHeldBack) await othersSaid.promise',
    '',
  ),
  'a wild clock is followed': file(
    'slot-proposer',
    'counters.filter((each) => !wild.includes(each))',
    'counters',
  ),
  'who is wrong never follows': file(
    'slot-proposer',
    'wild.length >= majorityOf(roots.length)',
    'wild.length > roots.length',
  ),
  'never outbids': file(
    'slot-proposer',
    'Math.max(this.#floor, ...met)',
    'Math.max(this.#floor, 0 * met.length)',
  ),
}

describe('slots: the next topology by single-decree Paxos', () => {
  for (const [name, rule] of Object.entries(RULES)) it(name, rule)

  it(`one topology a number, in ${DUELS} hostile worlds`, async () => {
    let decided = 0
    for (let seed = 1; seed <= DUELS; seed++) {
      decided += await duel(seed).catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error })
      })
    }
    assert.ok(decided > DUELS * 5, `only ${decided} topologies were decided`)
  })

  describe('mutants', () => {
    for (const [name, mutant] of Object.entries(MUTANTS)) {
      it(`notices: ${name}`, async () => {
        const entry = 'test/topology/slot-rules.ts'
        const { RULES: rules } = await importMutant<{ RULES: typeof RULES }>(entry, mutant)
        assert.ok(await isNoticed(rules), 'no rule notices this mutant')
      })
    }
  })
})

describe('ballots', () => {
  const ballots = fc.record({
    counter: fc.nat({ max: 3 }),
    storageId: fc.constantFrom('a', 'b'),
    boot: fc.nat({ max: 2 }),
  })

  it('are in one order', () => {
    fc.assert(
      fc.property(ballots, ballots, ballots, (x, y, z) => {
        assert.equal(Math.sign(compareBallots(x, y)) + Math.sign(compareBallots(y, x)), 0)
        if (compareBallots(x, y) < 0 && compareBallots(y, z) < 0) {
          assert.ok(compareBallots(x, z) < 0)
        }
        const isSame = JSON.stringify(x) === JSON.stringify(y)
        assert.equal(compareBallots(x, y) === 0, isSame)
      }),
    )
  })
})

describe('codec of slots', () => {
  const ballot = { counter: 2 ** 50, storageId: memberOf('a').storageId, boot: 7 }
  const record = Uint8Array.of(1, 2, 3)

  it('gives back what went in', () => {
    assert.deepEqual(decodePrepare(encodePrepare({ slot: 9, ballot })), { slot: 9, ballot })
    const accept = { slot: 9, ballot, record }
    assert.deepEqual(decodeAccept(encodeAccept(accept)), accept)
    const { storageId } = ballot
    const common = [
      { kind: 'decided', number: 4 },
      { kind: 'rejected', promised: ballot },
    ] as const
    for (const reply of [
      ...common,
      { kind: 'promised', storageId, accepted: null },
      { kind: 'promised', storageId, accepted: { ballot, record } },
    ] as const) {
      assert.deepEqual(decodePrepareReply(encodeReply(reply)), reply)
    }
    for (const reply of [...common, { kind: 'voted', storageId }] as const) {
      assert.deepEqual(decodeAcceptReply(encodeReply(reply)), reply)
    }
  })

  it('refuses malformed names, unknown answers and what is cut short', () => {
    const whole = encodeAccept({ slot: 9, ballot, record })
    for (let end = 0; end < whole.length; end++) {
      assert.throws(() => decodeAccept(whole.slice(0, end)), WireError)
    }
    const bad = encodePrepare({ slot: 9, ballot: { ...ballot, storageId: 'UPPER' } })
    assert.throws(() => decodePrepare(bad), WireError)
    assert.throws(() => decodePrepareReply(Uint8Array.of(3)), WireError)
    assert.throws(() => decodeAcceptReply(Uint8Array.of(2, 1, 65)), WireError)
  })

  it('calls a slot that it cannot read a damaged disk', () => {
    const disk = new FakeDatabase(new ManualClock())
    assert.deepEqual(readSlot(disk), { state: null, counter: 0 })
    disk.durable.set('topology/slot', Uint8Array.of(2, 255))
    assert.throws(
      () => readSlot(disk),
      (error) => isAtollError(error, 'DISK_DAMAGED'),
    )
    assert.equal(NO_BALLOT.counter, 0)
  })
})

async function isNoticed(rules: typeof RULES): Promise<boolean> {
  for (const rule of Object.values(rules)) {
    try {
      await rule()
    } catch {
      return true
    }
  }
  return false
}
