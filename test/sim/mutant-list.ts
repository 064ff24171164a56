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
]
