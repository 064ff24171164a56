/** Rules of the near cache broken one at a time; its suite must notice. */
import { describeMutants } from '../mutate.ts'

type Mutant = readonly [name: string, from: string, to: string, tests: RegExp, file?: string]

const MUTANTS: readonly Mutant[] = [
  [
    'the age begins with the answer',
    'askedMs: asked.ms,',
    'askedMs: this.#now().ms,',
    /as old as its question/,
  ],
  ['any age will do', 'entry.askedMs >= sinceMs && ', '', /each reader says how old/],
  [
    'a question under way of any age is shared',
    'flight.asked.ms >= sinceMs && ',
    '',
    /asked too long ago/,
  ],
  [
    'a question that lasts longer than the call is shared',
    'flight.endMs <= endMs && ',
    '',
    /asked too long ago/,
  ],
  ['each asks for himself', 'this.#flights.set(key, flight)', '', /shares the answer/],
  [
    'who shared a failure fails',
    'isOver || attempt === ATTEMPTS_MAX',
    'isOver || attempt > 0',
    /asks again, together/,
  ],
  [
    'who shared a failure asks for ever',
    'isOver || attempt === ATTEMPTS_MAX',
    'isOver',
    /not for ever/,
  ],
  [
    'who asks again has all the time again',
    '{ ...limits, deadlineMs }, attempt + 1',
    'limits, attempt + 1',
    /asks again, together/,
  ],
  [
    'who shares cannot give up',
    'await unlessAborted(flight.outcome, limits.signal)',
    'await flight.outcome',
    /ends at once/,
  ],
  [
    'a weaker answer will do',
    ' && entry.strength >= strengthOf(level)',
    '',
    /its own level and weaker ones/,
  ],
  ['levels share a question', ' && flight.level === level', '', /its own level alone/],
  ['a partial answer is kept', 'if (outcome.partial) return', '', /told and not kept/],
  [
    'a write leaves what was kept',
    '.finally(() => this.#near.forget(key))',
    '',
    /seen at once by who reads/,
    'kv-store.ts',
  ],
  [
    'a write that failed leaves what was kept',
    '.finally(() => this.#near.forget(key))',
    '.then((written) => (this.#near.forget(key), written))',
    /nobody knows what became/,
    'kv-store.ts',
  ],
  [
    'a question of before a write is shared',
    'have it.\n    this.#flights.delete(key)',
    'have it.',
    /not shared or kept after them/,
  ],
  [
    'a question of before a write is kept',
    'if (this.#flights.get(key) === flight) this.#keep(',
    'if (this.#turn > 0) this.#keep(',
    /not shared or kept after them/,
  ],
  [
    'a plain read is not shown to others',
    'this.#shown(key, asked, limits.level, outcome)',
    '',
    /is not unshown|older question/,
  ],
  [
    'an older plain read takes the place of a newer answer',
    'entry !== undefined && entry.turn < asked.turn',
    'entry !== undefined',
    /take the place of what was read after/,
  ],
  [
    'of questions of one moment the last to be answered counts',
    'entry.turn < asked.turn',
    'entry.askedMs <= asked.ms',
    /one moment of the clock/,
  ],
  [
    'a question that a newer answer has overtaken is shared',
    '    this.forget(key)\n    // It was',
    '    this.#entries.delete(key)\n    // It was',
    /has overtaken/,
  ],
  [
    'what only its own reader was shown is unshown',
    '      else this.#shown(key, asked, level, found)\n',
    '',
    /its own reader alone/,
  ],
  [
    'the bytes are not bounded',
    'if (this.#bytes <= this.#bytesMax) return',
    'return',
    /are bounded/,
  ],
  [
    'what is read goes first all the same',
    '    this.#entries.delete(key)\n    this.#entries.set(key, entry)\n',
    '',
    /goes first/,
  ],
  ['keys are free', '2 * key.length + bytes.length', 'bytes.length', /keys count/],
  [
    'what is replaced still counts',
    'if (before !== undefined) this.#bytes -= before.size',
    '',
    /keys count/,
  ],
  [
    'one that is too large drives out the rest',
    'if (size > this.#bytesMax) return',
    '',
    /alone is too large/,
  ],
]

describeMutants(
  'mutants of the near cache',
  MUTANTS.map(([name, from, to, tests, file = 'near-cache.ts']) => {
    return { name, suites: ['store/near-cache.test'], file: `store/${file}`, from, to, tests }
  }),
)
