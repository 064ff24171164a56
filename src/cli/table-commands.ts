/**
 * The commands that are calls: made from the table of methods, so that their names, parameters
 * and help are those of JSON-RPC.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { unreachable } from '../base/assert.ts'
import { AtollError, isAtollError } from '../base/errors.ts'
import type { JsonValue } from '../node/api.ts'
import type { CliArgument, CliFlag, CliShape } from '../rpc/method.ts'
import {
  type CallName,
  METHODS,
  type MethodName,
  type ResultOf,
  type WatchName,
} from '../rpc/methods.ts'
import { readArgument, readSecret } from '../rpc/text-source.ts'
import { valueToRequest } from '../rpc/values.ts'
import { VALUE_BYTES_MAX } from '../store/limits.ts'
import { callOptions, type CommandContext, withClient } from './command.ts'
import { parseDuration } from './duration.ts'
import type { View } from './output.ts'
import { inWords } from './spelled.ts'
import { VIEWS, WATCH_VIEWS } from './views.ts'

type TableCall = (typeof METHODS)[CallName]
type TableWatch = (typeof METHODS)[WatchName]
export type Action = (context: CommandContext) => Promise<void>
/** Registers what a command does once its words have been read. */
export type Register = (changes: boolean, action: Action) => void

/** Their null is no result. */
const MAY_BE_NONE: readonly string[] = ['kv.get', 'kv.counter.get', 'reg.get']

/** Adds a command for every method that has one and that `skip` does not name. */
export function addTableCommands(
  program: Command,
  register: Register,
  skip: readonly string[],
): void {
  for (const method of Object.values(METHODS)) {
    if (method.cli === null || skip.includes(method.name)) continue
    const command = commandAt(program, method.name).description(method.cli.help ?? method.help)
    const shape: CliShape = method.cli
    addShape(command, shape)
    command.action((...given: unknown[]) => {
      const params = paramsOf(shape, given.slice(0, shape.args.length), command.opts())
      register(method.changes, (context) =>
        inWords(method.name, shape, () =>
          method.kind === 'call'
            ? runCall(context, method, params)
            : runWatch(context, method, params),
        ),
      )
    })
  }
}

/** `kv.put` is the command `put` of the command `kv`. */
export function commandAt(program: Command, name: string): Command {
  const words = name.split('.')
  let at = program
  for (const word of words) {
    at = at.commands.find((command) => command.name() === word) ?? at.command(word)
  }
  return at
}

function addShape(command: Command, { args, flags }: CliShape): void {
  for (const { param, kind, help, optional } of args) {
    const name = kind === 'pairs' || kind === 'values' ? `${param}...` : param
    command.argument(optional === true ? `[${name}]` : `<${name}>`, help)
  }
  for (const flag of flags) {
    const option = new Option(flag.flag, flag.help)
    command.addOption(option)
    if (flag.kind === 'flag') continue
    if (flag.choices === undefined) option.argParser(parserOf(flag))
    else option.choices(flag.choices).argParser(choice(flag))
  }
}

function parserOf(flag: CliFlag): (text: string) => unknown {
  return (text) => {
    try {
      return read(flag, text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }
}

function choice({ choices = [] }: CliFlag): (text: string) => string {
  return (text) => {
    if (choices.includes(text)) return text
    throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`)
  }
}

function paramsOf(
  { args, flags }: CliShape,
  given: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): object {
  const params: Record<string, unknown> = {}
  for (const [i, argument] of args.entries()) {
    const value = given[i]
    if (value !== undefined) params[argument.param] = read(argument, value as string | string[])
  }
  for (const flag of flags) {
    const value = options[new Option(flag.flag).attributeName()]
    if (value !== undefined) params[flag.param] = value
  }
  return params
}

function read({ kind, param, bytesMax }: CliArgument, given: string | readonly string[]): unknown {
  if (typeof given !== 'string') return kind === 'values' ? values(given, bytesMax) : pairs(given)
  switch (kind) {
    case 'text':
      return given
    case 'integer':
      return wholeNumber(param, given, /^\d+$/)
    case 'signed':
      return wholeNumber(param, given, /^-?\d+$/)
    case 'flag':
      return true
    case 'duration':
      return parseDuration(given)
    case 'value':
      return valueToRequest(readArgument(given, bytesMax ?? VALUE_BYTES_MAX))
    case 'values':
      return values([given], bytesMax)
    case 'secret':
      return readSecret(given)
    case 'pairs':
      return pairs([given])
    default:
      return unreachable(kind)
  }
}

function wholeNumber(param: string, given: string, form: RegExp): number {
  const number = Number(given)
  const isWhole = form.test(given)
  if (isWhole && Number.isSafeInteger(number)) return number
  const odd = isWhole
    ? `must be a number up to ${Number.MAX_SAFE_INTEGER}`
    : 'must be a whole number'
  throw new AtollError('USAGE', `${param} ${odd}, not "${given}"`)
}

function values(given: readonly string[], bytesMax = VALUE_BYTES_MAX): JsonValue[] {
  return given.map((text) => valueToRequest(readArgument(text, bytesMax)))
}

function pairs(given: readonly string[]): Record<string, string | null> {
  const entries = given.map((text): [string, string | null] => {
    const equals = text.indexOf('=')
    if (equals < 1) throw new AtollError('USAGE', `"${text}" is not key=value`)
    return [text.slice(0, equals), text.slice(equals + 1) || null]
  })
  return Object.fromEntries(entries)
}

async function runCall(context: CommandContext, method: TableCall, given: object): Promise<void> {
  const { deadlineMs, ...params } = given as { readonly deadlineMs?: number }
  const options = callOptions(context, method.name, deadlineMs)
  const result = method.changes
    ? await toldWhenInterrupted(context, (signal) =>
        withClient(context, (client) => client.call(method, params, { ...options, signal })),
      )
    : await withClient(context, (client) => client.call(method, params, options))
  if (result === null && MAY_BE_NONE.includes(method.name)) {
    const { key } = params as { readonly key: string }
    const what = method.name === 'kv.counter.get' ? 'counter' : 'value of'
    throw new AtollError('NOT_FOUND', `there is no ${what} "${key}"`)
  }
  // The client has checked the result by the method's schema, and the view is that method's.
  const view = VIEWS[method.name as keyof typeof VIEWS] as View<ResultOf<MethodName>>
  context.output.result(result as ResultOf<MethodName>, view)
}

/** A change that Ctrl-C cuts short ends with what is known of it; a read just ends. */
async function toldWhenInterrupted<T>(
  { interrupted }: CommandContext,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = interrupted()
  try {
    return await run(signal)
  } catch (error) {
    if (!signal.aborted || !isAtollError(error, 'CANCELLED')) throw error
    throw new AtollError('CANCELLED', 'interrupted', { outcome: error.outcome, cause: error })
  }
}

/** One line an event, until Ctrl-C, or until nobody reads them any more. */
async function runWatch(
  context: CommandContext,
  method: TableWatch,
  params: object,
): Promise<void> {
  const { output } = context
  const signal = AbortSignal.any([context.interrupted(), output.streams.unread()])
  const view = WATCH_VIEWS[method.name] as View<ResultOf<WatchName>>
  let cursor: string | null = null
  try {
    await withClient(context, async (client) => {
      for await (const event of client.watch(method, params, signal)) {
        output.item(event as ResultOf<WatchName>, view)
        cursor = cursorOf(event) ?? cursor
      }
    })
  } finally {
    if (cursor !== null) output.note(`to go on from here: --after ${String(cursor)}`)
  }
}

/** Where a watch can go on, of events that say it. */
function cursorOf(event: unknown): string | null {
  const { cursor } = event as { readonly cursor?: unknown }
  return typeof cursor === 'string' ? cursor : null
}
