/** The command line of `npm run bench`: what it means, and how it is refused. */
import { parseArgs } from 'node:util'

export interface Arguments {
  /** Names of sections and of systems; empty: all. */
  readonly only: readonly string[]
  readonly quick: boolean
  readonly profile: boolean
  readonly list: boolean
  readonly help: boolean
  readonly outDir: string | null
  readonly seed: number
}

export class UsageError extends Error {}

export const USAGE = `npm run bench -- [options]
  --only NAME[,NAME]  these sections and systems alone (--list names them)
  --quick             short rounds, few of them: five minutes for everything
  --profile           a CPU profile of each of our daemons under load, in the result directory
  --out DIR           where results go (default: bench-results/TIME in the temporary directory)
  --seed N            what values hold, and the order of systems in a round
  --list              sections, systems, and what this machine lacks for them`

/** Throws UsageError. `known` are the names that --only may give; `chance` is the default seed. */
export function parseArguments(
  argv: readonly string[],
  known: readonly string[],
  chance: number,
): Arguments {
  const values = parsed(argv)
  const only = (values.only ?? '').split(',').filter((name) => name !== '')
  for (const name of only) {
    if (!known.includes(name)) {
      throw new UsageError(`--only ${name}: there are ${known.join(', ')}`)
    }
  }
  if (values.only !== undefined && only.length === 0) throw new UsageError('--only needs a name')
  return {
    only,
    quick: values.quick ?? false,
    profile: values.profile ?? false,
    list: values.list ?? false,
    help: values.help ?? false,
    outDir: values.out ?? null,
    seed: values.seed === undefined ? chance : seedOf(values.seed),
  }
}

function parsed(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        only: { type: 'string' },
        quick: { type: 'boolean' },
        profile: { type: 'boolean' },
        out: { type: 'string' },
        seed: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    return values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function seedOf(text: string): number {
  const seed = Number(text)
  if (!/^\d{1,10}$/.test(text) || seed > 0xffff_ffff) {
    throw new UsageError(`--seed ${text}: a whole number below 2^32`)
  }
  return seed
}
