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
]
