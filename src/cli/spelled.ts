/**
 * What a method says about its parameters, in the words of the command line: the table gives
 * both names. `"ifVersion" must be …` becomes `--if-version must be …`.
 */
import { AtollError } from '../base/errors.ts'
import type { CliFlag, CliShape } from '../rpc/method.ts'
import { formatDuration } from './duration.ts'

/** The names that the table does not have: global options of the command. */
const GLOBAL: Readonly<Record<string, string>> = { deadlineMs: '--timeout' }

/** An error of wrong usage as the caller of the command understands it; any other as it is. */
function spelled(error: unknown, method: string, shape: CliShape | null): unknown {
  if (!(error instanceof AtollError) || error.code !== 'USAGE' || shape === null) return error
  const { message, hint, outcome } = error
  const text = spelledText(message.replace(`${method}: `, ''), namesOf(shape))
  return new AtollError('USAGE', withDurations(text, shape), {
    hint: hint ?? `see: atoll ${method.replaceAll('.', ' ')} --help`,
    outcome,
    cause: error,
  })
}

/** Runs what is a call of the method, or several. */
export async function inWords(
  method: string,
  shape: CliShape | null,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    throw spelled(error, method, shape)
  }
}

function flagName({ flag }: CliFlag): string {
  return flag.split(' ', 1)[0] ?? flag
}

function namesOf({ args, flags }: CliShape): ReadonlyMap<string, string> {
  return new Map([
    ...Object.entries(GLOBAL),
    ...args.map(({ param }) => [param, `<${param}>`] as const),
    ...flags.map((each) => [each.param, flagName(each)] as const),
  ])
}

/** Milliseconds are the method's; here durations are written as `2s`. */
function withDurations(text: string, { flags }: CliShape): string {
  const own = flags.filter(({ kind }) => kind === 'duration').map(flagName)
  const names = [...Object.values(GLOBAL), ...own]
  return text.replace(/^(--\S+)( .*\bat (?:most|least) )(\d+)$/, (all, name, says, ms) =>
    names.includes(String(name))
      ? `${name}${says}${formatDuration(Number(ms)).replace(/ 0[hms]$/, '')}`
      : String(all),
  )
}

/** A plain word may be meant as such: it is a name in quotes, and as the first word. */
function spelledText(text: string, names: ReadonlyMap<string, string>): string {
  return text.replace(
    /"(\w+)"|\b\w+\b/g,
    (word: string, quoted: string | undefined, at: number) => {
      const isName = quoted !== undefined || at === 0 || /[a-z][A-Z]/.test(word)
      return (isName ? names.get(quoted ?? word) : undefined) ?? word
    },
  )
}
