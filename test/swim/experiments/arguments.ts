/** The command line of `npm run sim:swim`. */
import { parseArgs } from 'node:util'
import type { Effort } from './experiment.ts'

export interface Arguments {
  readonly only: readonly string[]
  readonly members: number | null
  readonly effort: Effort
  readonly seed: string
  readonly outDir: string | null
  readonly help: boolean
}

export class UsageError extends Error {}

/** A group that one process simulates in reasonable time and memory. */
const MEMBERS_MAX = 2000
const MEMBERS_MIN = 8

export const USAGE = `npm run sim:swim -- [options]
  --only NAME[,NAME]  these experiments alone
  --members N         so many members instead of the paper's 128 (${MEMBERS_MIN} to ${MEMBERS_MAX})
  --quick             a part of the cases, one seed: half a minute
  --seed S            another run (default: swim)
  --out DIR           where report.md, results.json and the plots go
                      (default: sim-swim-results/TIME in the temporary directory)`

/** Throws UsageError. */
export function parseArguments(argv: readonly string[], known: readonly string[]): Arguments {
  const values = parsed(argv)
  const only = (values.only ?? '').split(',').filter((name) => name !== '')
  for (const name of only) {
    if (!known.includes(name)) throw new UsageError(`--only ${name}: there are ${known.join(', ')}`)
  }
  if (values.only !== undefined && only.length === 0) throw new UsageError('--only needs a name')
  return {
    only,
    members: values.members === undefined ? null : membersOf(values.members),
    effort: values.quick === true ? 'quick' : 'full',
    seed: values.seed ?? 'swim',
    outDir: values.out ?? null,
    help: values.help ?? false,
  }
}

function parsed(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        only: { type: 'string' },
        members: { type: 'string' },
        quick: { type: 'boolean' },
        seed: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    return values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function membersOf(text: string): number {
  const members = Number(text)
  if (!Number.isSafeInteger(members) || members < MEMBERS_MIN || members > MEMBERS_MAX) {
    throw new UsageError(`--members ${text}: from ${MEMBERS_MIN} to ${MEMBERS_MAX}`)
  }
  return members
}
