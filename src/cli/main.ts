/**
 * The atoll command: reads its words, does one thing, and ends with the exit status of the table
 * of errors. It never loads libp2p, so that it starts in a tenth of a second.
 */
import { type Command, CommanderError } from 'commander'
import { AtollError, isAtollError } from '../base/errors.ts'
import { asAtollError } from '../rpc/error-line.ts'
import type { Environment } from '../rpc/socket-path.ts'
import type { CommandContext, GlobalOptions } from './command.ts'
import { Output } from './output.ts'
import { buildProgram, type Chosen } from './program.ts'
import { refused, seeHelp } from './refused.ts'
import { type Format, FORMATS, processStreams, type Streams } from './terminal.ts'

export interface CliOptions {
  /** The name it was called by. */
  readonly name: string
  /** The daemon's program file. */
  readonly atolld: string
  readonly streams?: Streams
  readonly env?: Environment
  /** See `CommandContext.interrupted`; default: by the process's signals. */
  readonly interrupted?: () => AbortSignal
}

export async function runCli(argv: readonly string[], cli: CliOptions): Promise<number> {
  const env = cli.env ?? process.env
  const streams = cli.streams ?? processStreams()
  // Known before the words are read: what is wrong with them is told in this format, too.
  const output = new Output(formatOf(argv), streams, Boolean(env['NO_COLOR']))
  let chosen: Chosen | null = null
  try {
    chosen = await parse(argv, cli.name, output)
    if (chosen === null) return 0
    await chosen.action(contextOf(chosen.options, output, env, cli))
    return output.status
  } catch (error) {
    return output.error(asAtollError(error), chosen?.changes ?? false)
  }
}

/** null: help was asked for and shown. */
async function parse(
  argv: readonly string[],
  name: string,
  output: Output,
): Promise<Chosen | null> {
  const { program, chosen, meant } = buildProgram(name, output.streams)
  try {
    await program.parseAsync(wordsOf(argv, program), { from: 'user' })
  } catch (error) {
    if (isAtollError(error, 'USAGE') && error.hint === undefined) {
      throw new AtollError('USAGE', error.message, { hint: seeHelp(meant()), cause: error })
    }
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return null
    throw refused(error, meant())
  }
  const found = chosen()
  if (found === null) throw new AtollError('USAGE', 'a command is missing')
  return found
}

const HELP: ReadonlySet<string> = new Set(['-h', '--help'])

/** `help kv put` and `kv help put` are `kv put --help`, if there is such a command. */
function wordsOf(argv: readonly string[], program: Command): string[] {
  const first = firstWord(argv, program)
  let group = program
  let at = first
  for (; at < argv.length; at++) {
    const next = commandOf(group, argv[at])
    if (next === undefined) break
    group = next
  }
  const given = argv[at]
  if (given === undefined || group.commands.length === 0) return [...argv]
  if (given !== 'help') {
    // No command has that name, so there is no help of it: what was meant is told instead.
    return given.startsWith('-') ? [...argv] : argv.filter((each) => !HELP.has(each))
  }
  const words = argv.slice(at + 1)
  for (const word of words) {
    const next = commandOf(group, word)
    if (next === undefined) throw new AtollError('USAGE', `unknown command '${word}'`)
    group = next
  }
  return [...argv.slice(first, at), ...words, '--help']
}

function commandOf({ commands }: Command, word: string | undefined): Command | undefined {
  return commands.find((command) => command.name() === word)
}

/** Its index: options that take a value are passed over with it. */
function firstWord(argv: readonly string[], { options }: Command): number {
  const withValue = options.filter(({ required }) => required)
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? ''
    if (withValue.some(({ short, long }) => argument === short || argument === long)) i++
    else if (!argument.startsWith('-')) return i
  }
  return argv.length
}

function contextOf(
  options: GlobalOptions,
  output: Output,
  env: Environment,
  { name, atolld, interrupted = interruptedBySignal }: CliOptions,
): CommandContext {
  return { output, env, options, program: name, atolld, interrupted }
}

/** From now on the first Ctrl-C is a wish; the second ends the process. */
function interruptedBySignal(): AbortSignal {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (abort.signal.aborted) process.exit(1)
      abort.abort()
    })
  }
  return abort.signal
}

function formatOf(argv: readonly string[]): Format {
  let given: string | undefined
  for (const [i, argument] of argv.entries()) {
    if (argument === '--') break
    if (argument === '-o' || argument === '--output') given = argv[i + 1]
    else given = /^(?:-o|--output=)(\w+)$/.exec(argument)?.[1] ?? given
  }
  return FORMATS.find((format) => format === given) ?? 'human'
}
