/** Rules of imports broken one at a time; the suite must notice. */
import { describeMutants } from '../../mutate.ts'

type Mutant = readonly [name: string, file: string, from: string, to: string, tests: RegExp]

const MUTANTS: readonly Mutant[] = [
  [
    'a failure waits for more input',
    'kv-import.ts',
    'await Promise.race([reading, this.#failed.promise])',
    'await reading',
    /while its input waits/,
  ],
  [
    'what was stored is stored again',
    'kv-import.ts',
    'this.#at = entry.at\n',
    '\n',
    /while its input waits/,
  ],
  [
    'where to go on is forgotten',
    'kv-import.ts',
    'Math.max(this.#at + 1, this.#options.resumeFrom)',
    'this.#at + 1',
    /still begins there/,
  ],
  [
    'a counter is put again as a value is',
    'kv-import.ts',
    "params.type === 'counter' && passing",
    'false && passing',
    /not of a counter/,
  ],
  [
    'nothing is put again',
    'kv-import.ts',
    "params.type === 'counter' && passing",
    'passing',
    /not of a counter/,
  ],
  [
    'the first lines of a pipe wait for more',
    'byte-input.ts',
    ' && !isEnough(this.#chunk)',
    '',
    /first short line/,
  ],
  [
    'the end of the input may be anywhere',
    'kv-import.ts',
    'if (this.#at + 1 >= resumeFrom) return',
    'if (this.#at + 1 >= resumeFrom || resumeFrom > 0) return',
    /beyond the end/,
  ],
  ['anything is of etcd', 'etcd-dump.ts', 'if (!isAnswer)', 'if (false)', /that is none/],
  [
    'an answer without keys is none',
    'json-elements.ts',
    'onMember(name, null)',
    '',
    /that is none/,
  ],
  [
    'every input has databases',
    'dump.ts',
    "options.database !== undefined && format !== 'redis'",
    'false',
    /refuses a database/,
  ],
]

describeMutants(
  'mutants of imports',
  MUTANTS.map(([name, file, from, to, tests]) => {
    return { name, suites: ['cli/import/import.test'], file: `cli/import/${file}`, from, to, tests }
  }),
)
