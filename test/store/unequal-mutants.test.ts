/** What makes replicas compare when a movement, a farewell or a start went by them, left out one at a time. */
import { describeMutants, type MutantRow } from '../mutate.ts'

const MUTANTS: readonly MutantRow<'emptied' | 'unequal'>[] = [
  [
    'who was moved to without its word asks nobody',
    'unequal',
    'sync/movement.ts',
    'return isWhole ? [] : replicas',
    'return isWhole || cfg > 2 ? [] : replicas',
    /never heard|took in under/,
  ],
  [
    'a start asks nobody',
    'unequal',
    'sync/movement.ts',
    'return isWhole ? [] : replicas',
    'return isWhole || cfg === 2 ? [] : replicas',
    /both have started/,
  ],
  [
    "those who did not take what a former one had are nobody's concern",
    'unequal',
    'sync/farewell.ts',
    '    if (whole.length < targets.length) await',
    '    if (whole.length < 0) await',
    /of a replica that did not/,
  ],
  [
    'a former one hands over to nobody whom it takes for down',
    'unequal',
    'sync/farewell.ts',
    'if (whole.length < targets.length) await',
    'if (whole.length < takers.length) await',
    /takes for down/,
  ],
  [
    'who is handed over to does nothing',
    'unequal',
    'sync/sync-server.ts',
    'if (isFormer && records.length === 0) ',
    'if (isFormer && records.length < 0) ',
    /of a replica that did not/,
  ],
  [
    "what a former one knew is nobody's concern when it dies",
    'unequal',
    'sync/shared.ts',
    '|| topology.partitions[partition]?.former.includes(third)',
    '',
    /dies in the midst/,
  ],
  [
    'what is about to be deleted is compared',
    'unequal',
    'sync/farewell.ts',
    'await replica.settling(done.then(() => losses.forEach(onChange)))',
    'await done.then(() => losses.forEach(onChange))',
    /on its way to the disk/,
  ],
  [
    'what came under a later configuration is deleted',
    'unequal',
    'sync/farewell.ts',
    'if (cfg !== offered.partitions[partition]?.cfg) {',
    'if (topology.current()?.partitions[partition]?.replicas.includes(this.#options.self)) {',
    /earlier configuration/,
  ],
  [
    'what is held is let go of',
    'emptied',
    'sync/farewell.ts',
    'this.#foreign(current).length === 0',
    'this.#foreign(current).length >= 0',
    /has let go of nothing/,
  ],
  [
    'a process that started anew is taken for the one before',
    'unequal',
    'sync/anti-entropy.ts',
    'isOver = (this.#boots.get(id) ?? boot) !== boot',
    'isOver = false',
    /started anew at once/,
  ],
  [
    'a wish that comes with the last look waits for the next round',
    'unequal',
    'sync/anti-entropy.ts',
    '    // Somebody may have wanted something since the look.\n    this.#kick()\n',
    '',
    /very turn/,
  ],
]

describeMutants(
  'mutants of what is called for',
  MUTANTS.map(([name, suite, path, from, to, tests]) => {
    return { name, suites: [`store/${suite}.test`], file: `store/${path}`, from, to, tests }
  }),
)
