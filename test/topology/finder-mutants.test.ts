/** Rules of finding the cluster broken one at a time; its suite must notice. */
import { describeMutants } from '../mutate.ts'

type Mutant = readonly [name: string, from: string, to: string, tests: RegExp]

const MUTANTS: readonly Mutant[] = [
  [
    'it is looked up although a member is up',
    'return !current.members.some(',
    'return !current.members.every(',
    /not needed while/,
  ],
  [
    'it is looked up at every call',
    'if (this.#isLost) this.#begin(key)',
    'this.#begin(key)',
    /not needed while/,
  ],
  [
    'a known topology is never doubted',
    'if (current === null) return true\n    return !',
    'if (current === null) return true\n    return false && !',
    /newer one where all/,
  ],
  [
    'the call does not wait for those found',
    '!this.#isReady(kadId) &&',
    'this.#running !== null &&',
    /waits for a majority/,
  ],
  [
    'one replica is enough to go on',
    'up.length >= majorityOf(replicas.length)',
    'up.length > 0',
    /waits for a majority/,
  ],
  ['the old set is forgotten', '[state, state?.prev].every', '[state].every', /both sets/],
  [
    'the search takes all the time of a call',
    '(call.endMs - nowMs) * SHARE',
    '(call.endMs - nowMs)',
    /three quarters/,
  ],
  [
    'each call looks up by itself',
    'this.#running !== null || isTooSoon',
    'isTooSoon',
    /one lookup for all/,
  ],
  [
    'it is looked up again and again',
    'this.#running !== null || isTooSoon',
    'this.#running !== null',
    /not repeated/,
  ],
  [
    'who found nobody waits all the same',
    'if (found.length === 0) return',
    '',
    /ends the wait at once/,
  ],
  [
    'edges are believed',
    "if (membership.get(peer)?.role !== 'member' || !mayAsk()) return",
    'if (!mayAsk()) return',
    /asks members alone/,
  ],
  [
    'all that are found are asked',
    "if (membership.get(peer)?.role !== 'member' || !mayAsk()) return",
    "if (membership.get(peer)?.role !== 'member') return",
    /asks members alone/,
  ],
  [
    'nobody is dialled where he is said to be',
    'mesh.foundAt(peer, addresses)',
    'mesh.connect(peer)',
    /brings the topology/,
  ],
  [
    'each call has a timer',
    'this.#ticking ??= sleep(',
    'this.#ticking = sleep(',
    /one lookup for all/,
  ],
  [
    'nobody is asked for the topology',
    'if (body.length > 0) await topology.learn(decodeTopology(body))',
    '',
    /newer one where all/,
  ],
  [
    'a call that was given up waits on',
    'if (call.signal?.aborted === true || this.#aborter.signal.aborted) return',
    'if (this.#aborter.signal.aborted) return',
    /ends with the call/,
  ],
  [
    'people are met after the end',
    'await Promise.race([looking, this.#stopped.promise])',
    'await looking',
    /with the node/,
  ],
  [
    'the search goes on for ever once somebody was found',
    '    this.#settlesAtMs = 0\n    return false',
    '    return false',
    /brings the topology/,
  ],
]

describeMutants(
  'mutants of finding the cluster',
  MUTANTS.map(([name, from, to, tests]) => {
    return { name, suites: ['topology/finder.test'], file: 'topology/finder.ts', from, to, tests }
  }),
)
