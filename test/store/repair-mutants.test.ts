/**
 * Rules of how repair is brought about, broken one at a time, each by a change of one place in the
 * source as it is loaded: questions that travel together, looks in turn, the upkeep of hash trees.
 */
import { describeMutants } from '../mutate.ts'

type Suite = 'courier' | 'looks' | 'together' | 'tree-upkeep'

type Mutant = readonly [
  name: string,
  suite: Suite,
  file: string,
  from: string,
  to: string,
  tests: RegExp,
]

const MUTANTS: readonly Mutant[] = [
  [
    'any number of messages is under way',
    'courier',
    'sync/courier.ts',
    'this.#flights < FLIGHTS_MAX',
    'this.#flights < 100',
    /two messages under way/,
  ],
  [
    'a message is of any size',
    'courier',
    'sync/courier.ts',
    'few.length < QUESTIONS_MAX && bytes < SYNC_BYTES',
    'few.length < QUESTIONS_MAX',
    /so many questions or bytes/,
  ],
  [
    'what had no room waits behind the others',
    'courier',
    'sync/courier.ts',
    'this.#again.shift() ?? this.#made()',
    'this.#made() ?? this.#again.shift()',
    /no room, first/,
  ],
  [
    'what was refused among others is asked among others',
    'courier',
    'sync/courier.ts',
    "else if (answer === 'alone') this.#alone.push(each)",
    "else if (answer === 'alone') this.#again.push(each)",
    /alone what was refused/,
  ],
  [
    'answers are all told at once',
    'courier',
    'sync/courier.ts',
    'if (i > 0) await new Promise',
    'if (i > 100) await new Promise',
    /one a turn/,
  ],
  [
    'who gets no answer waits for ever',
    'courier',
    'sync/courier.ts',
    "if (answers.length !== asked.length) throw new WireError('not an answer to each question')\n",
    'asked = asked.slice(0, answers.length)\n',
    /too few/,
  ],
  [
    'a message that failed is never over',
    'courier',
    'sync/courier.ts',
    '      for (const each of asked) each.reject(error)\n',
    '      for (const each of asked) each.reject(error)\n      this.#flights += 2\n',
    /and goes on/,
  ],
  [
    'answers of one message are of any size',
    'courier',
    'sync/courier-messages.ts',
    'bytes + answer.length <= ANSWERS_BYTES_MAX',
    'bytes >= 0',
    /bounded bytes/,
  ],
  [
    'one partition is asked about at a time',
    'together',
    'sync/courier-messages.ts',
    'export const QUESTIONS_MAX = 16',
    'export const QUESTIONS_MAX = 1',
    /share messages/,
  ],
  [
    'each partition brings as much as it likes',
    'together',
    'sync/sync-server.ts',
    "return room.bytes > 0 ? this.#pulled(from, question, room) : 'again'",
    'return this.#pulled(from, question, { bytes: SYNC_BYTES })',
    /bound what comes/,
  ],
  [
    'what is refused to one is refused to all',
    'together',
    'sync/sync-server.ts',
    ".catch(() => 'alone' as const)",
    '',
    /do not hold up each other/,
  ],
  [
    'trees are never looked at again',
    'together',
    'sync/anti-entropy.ts',
    '    this.#upkeep.round(heldOf(current, self))\n',
    '',
    /within a round for each partition/,
  ],
  [
    'what is looked into is left to chance',
    'looks',
    'sync/looks.ts',
    'items.toSorted((a, b) => timeOf(a) - timeOf(b))',
    'items.filter((each) => timeOf(each) >= 0)',
    /are all looked into/,
  ],
  [
    'what was looked into is not remembered',
    'looks',
    'sync/comparison.ts',
    'if (!isBusy) looks.looked(id, partition)',
    '',
    /are all looked into/,
  ],
  [
    'the peer of a round is left to chance',
    'looks',
    'sync/looks.ts',
    'ids.toSorted((a, b) => (rounds.get(a) ?? 0) - (rounds.get(b) ?? 0))',
    'ids',
    /each peer in turn/,
  ],
  [
    'looks at what is shared no more are remembered',
    'looks',
    'sync/looks.ts',
    'if (!partitions.has(partition)) looks.delete(partition)',
    '',
    /forgotten/,
  ],
  [
    'a tree that is wrong is not told of',
    'tree-upkeep',
    'sync/upkeep.ts',
    'if (isRight === false)',
    'if (isRight === null)',
    /wrong anywhere/,
  ],
  [
    'a tree that is wrong stays so',
    'tree-upkeep',
    'sync/leaf-tree.ts',
    '    this.#sums.splice(first, end - first, ...part.#sums.slice(skipped))\n',
    '',
    /wrong anywhere/,
  ],
  [
    'a root that is wrong stays so',
    'tree-upkeep',
    'sync/leaf-tree.ts',
    '    this.#root = this.#sums.reduce(addFingerprints)\n',
    '',
    /wrong anywhere/,
  ],
  [
    'only the beginning of a partition is looked at',
    'tree-upkeep',
    'sync/upkeep.ts',
    ': { partition, key: end }',
    ": { partition: partition + 1, key: '' }",
    /in turn|wrong anywhere/,
  ],
  [
    'cuts are made while more come',
    'tree-upkeep',
    'sync/upkeep.ts',
    'this.#waited.get(partition) === cuts',
    'cuts > 0',
    /no more have come/,
  ],
  [
    'all cuts are made in one round',
    'tree-upkeep',
    'sync/upkeep.ts',
    'isQuiet && left > 0',
    'isQuiet',
    /so many cuts a round/,
  ],
]

describeMutants(
  'mutants of how repair is brought about',
  ['store'],
  MUTANTS.map(([name, suite, path, from, to, tests]) => {
    return { name, suites: [`store/${suite}.test`], file: `store/${path}`, from, to, tests }
  }),
)
