/** Rules, each broken in one line, and the scenario that must notice. */
import type { Patch } from './mutant-loader.ts'

export interface Mutant extends Patch {
  readonly name: string
  readonly scenario: string
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'network: order lost',
    scenario: 'links',
    file: 'test/sim/sim-connection.ts',
    from: 'const packet = from.out.queue.shift()',
    to: 'const packet = from.out.queue.pop()',
  },
  {
    name: 'network: a retransmission twice',
    scenario: 'links',
    file: 'test/sim/sim-connection.ts',
    from: '    to.inbox.push(packet)\n',
    to: '    to.inbox.push(packet)\n    if (from.out.missed > 0) to.inbox.unshift(packet)\n',
  },
  {
    name: 'network: nobody is told of a death',
    scenario: 'links',
    file: 'test/sim/sim-connection.ts',
    from: "      if (to.open && this.#fabric.passes(...hosts)) this.#shut(to, 'reset')",
    to: '      void to',
  },
  {
    name: 'network: a cut never heals',
    scenario: 'links',
    file: 'test/sim/world.ts',
    from: '        path.cut = false\n',
    to: '',
  },
  {
    name: 'mesh: time-outs never fire',
    scenario: 'members',
    file: 'src/mesh/deadlines.ts',
    from: '    if (tick < this.#armedTick) this.#arm(tick, nowMs)\n',
    to: '',
  },
  {
    name: 'mesh: ids used twice',
    scenario: 'members',
    file: 'src/mesh/mesh-node.ts',
    from: 'nextId: () => ++this.#lastId,',
    to: 'nextId: () => (this.#lastId = (this.#lastId % 3) + 1),',
  },
  {
    name: 'swim: nobody refutes',
    scenario: 'members',
    file: 'src/swim/beliefs.ts',
    from: '      this.#setSelf(refutation(incarnation, claim.incarnation), foreign, member)\n',
    to: '',
  },
  {
    name: 'identity: a restart is not counted',
    scenario: 'members',
    file: 'src/node/identity.ts',
    from: 'const boot = (lastBoot ?? 0) + 1',
    to: 'const boot = 1',
  },
  {
    name: 'disk: acknowledges before the sync',
    scenario: 'blackout',
    file: 'src/disk/append-log.ts',
    from: 'await this.#file.sync()\n    this.#sequence++',
    to: 'void this.#file.sync()\n    this.#sequence++',
  },
  {
    name: 'store: half is a majority',
    scenario: 'swarm',
    file: 'src/store/tally.ts',
    from: 'return Math.floor(size / 2) + 1',
    to: 'return Math.max(1, Math.floor(size / 2))',
  },
  {
    name: 'store: the last write wins',
    scenario: 'swarm',
    file: 'src/store/merge.ts',
    from: 'siblings: sorted([...kept, write]) }',
    to: 'siblings: kept.length < 0 ? [] : [write] }',
  },
  {
    name: 'store: a join takes one side',
    scenario: 'swarm',
    file: 'src/store/merge.ts',
    from: 'siblings: sorted([...kept.values()]) }',
    to: 'siblings: kept.size > 0 && a.siblings.length > 0 ? a.siblings : b.siblings }',
  },
  {
    name: 'store: replaced writes come back',
    scenario: 'swarm',
    file: 'src/store/merge.ts',
    from: 'if (!contextCovers(b.known, sibling.dot) || hasDot(b, sibling))',
    to: 'if (b.siblings.length >= 0)',
  },
  {
    name: 'store: single writes of a version are forgotten',
    scenario: 'swarm',
    file: 'src/store/merge.ts',
    from: 'joinContexts(joinContexts(record.known, context), own)',
    to: 'joinContexts(joinContexts(record.known, { vector: context.vector, dots: [] }), own)',
  },
  {
    name: 'store: an unknown outcome is tried again',
    scenario: 'swarm',
    file: 'src/store/forwarder.ts',
    from: "isAtollError(error) && error.outcome === 'not-applied'",
    to: "isAtollError(error) && error.outcome !== 'applied'",
  },
  {
    name: 'store: reads count one set of two',
    scenario: 'swarm',
    file: 'src/store/place.ts',
    from: 'return state.prev === null ? [state.replicas] : [state.replicas, state.prev.replicas]',
    to: 'return [state.replicas]',
  },
  {
    name: 'registers: one answer is a read',
    scenario: 'swarm',
    file: 'src/paxos/read-judge.ts',
    from: 'same.length < this.#needed',
    to: 'same.length < 1',
  },
  {
    name: 'registers: votes below a promise',
    scenario: 'swarm',
    file: 'src/paxos/acceptor.ts',
    from: 'compareBallots(ballot, record.promised) < 0',
    to: 'compareBallots(ballot, record.accepted) < 0',
  },
  {
    name: 'registers: half of them choose',
    scenario: 'swarm',
    file: 'src/paxos/place.ts',
    from: 'return Math.floor(group.length / 2) + 1',
    to: 'return Math.max(1, Math.floor(group.length / 2))',
  },
  {
    name: 'registers: done again without a look',
    scenario: 'swarm',
    file: 'src/paxos/fold.ts',
    from: 'recalled(base, call) ?? named(done, call.id)',
    to: 'named(done, call.id)',
  },
  {
    name: 'registers: given up and done all the same',
    scenario: 'swarm',
    file: 'src/paxos/proposer.ts',
    from: '    const live = batch.filter(({ isDone }) => !isDone)\n    const folded',
    to: '    const live = batch\n    const folded',
  },
]
