/** What an edge needs to find its cluster, taken away one at a time; the simulated one must notice. */
import { describeMutants } from '../mutate.ts'

const FINDS = /finds its cluster|with an old topology/

type Mutant = readonly [name: string, file: string, from: string, to: string]

const MUTANTS: readonly Mutant[] = [
  [
    'an edge looks nothing up',
    'node/compose.ts',
    "role === 'edge' ? new TopologyFinder({ ...layers, network, membership }) : null",
    'null',
  ],
  [
    'reads of the store do not wait for it',
    'store/reader.ts',
    'if (topology.isLost) await',
    'if (topology.isLost) void',
  ],
  [
    'reads of registers do not wait for it',
    'paxos/reader.ts',
    'if (topology.isLost) await',
    'if (topology.isLost) void',
  ],
  [
    'those found are not dialled',
    'topology/finder.ts',
    'for (const { peer, addresses } of found) mesh.foundAt(peer, addresses)',
    '',
  ],
  [
    'their addresses are not kept',
    'mesh/mesh-node.ts',
    '    this.#network.learnAddresses(peer, addresses)\n    this.#peer(peer)?.found()',
    '    this.#peer(peer)?.found()',
  ],
  [
    'a known topology is never doubted',
    'topology/finder.ts',
    'if (current === null) return true\n    return !',
    'if (current === null) return true\n    return false && !',
  ],
]

describeMutants(
  'mutants of the edge',
  MUTANTS.map(([name, file, from, to]) => {
    return { name, file, from, to, suites: ['sim/edge.test'], tests: FINDS }
  }),
)
