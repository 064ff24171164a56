/**
 * What a method is: one entry says its name, what goes in and what comes out, how it can fail, and
 * how the command line spells it. JSON-RPC validation, the OpenRPC document, the client's types
 * and the commands with their help all come from these entries, so they cannot drift apart.
 */
import * as v from 'valibot'
import { DEADLINE_MS_MAX } from '../base/call-limits.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { CallOptions, NodeApi } from '../node/api.ts'

/** How the command line reads one parameter. */
export type CliKind =
  | 'text'
  | 'integer'
  /** A whole number that may be negative. */
  | 'signed'
  /** `1h`, `15s`, `250ms`: milliseconds. */
  | 'duration'
  /** Text, `@FILE` or `-`; bytes when it is not valid UTF-8. */
  | 'value'
  /** One or more of these. */
  | 'values'
  /** Text, `@FILE` or `-`; white space around it is dropped. */
  | 'secret'
  /** There or not: no value of its own. */
  | 'flag'
  /** `key=value …`, an empty value (`key=`) removes the key. */
  | 'pairs'

export interface CliArgument {
  readonly param: string
  readonly kind: CliKind
  readonly help: string
  readonly optional?: boolean
  /** Of a `value`: more is not read. */
  readonly bytesMax?: number
}

export interface CliFlag extends CliArgument {
  /** As commander has it: `--ttl <duration>`. */
  readonly flag: string
  readonly choices?: readonly string[]
}

export interface CliShape {
  /** Where the method's own help would mislead. */
  readonly help?: string
  readonly args: readonly CliArgument[]
  readonly flags: readonly CliFlag[]
}

type Schema = v.GenericSchema<unknown, unknown>

/** What a method gives out is only ever read. */
export type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T

interface MethodBase<Name extends string, Params extends Schema, Result extends Schema> {
  readonly name: Name
  /** One line, without a full stop. */
  readonly help: string
  readonly params: Params
  /** Of a call its result, of a subscription one event. */
  readonly result: Result
  /** Beside those that any call can end with: INTERNAL, USAGE, TIMEOUT, CANCELLED, STOPPED, BUSY. */
  readonly errors: readonly ErrorCode[]
  /** Whether it changes anything: then a lost reply means that the outcome is unknown. */
  readonly changes: boolean
  /** It is over by then where nobody gave a deadline; null: it takes as long as it takes. */
  readonly withinMs: number | null
  /** null: not a command of its own. */
  readonly cli: CliShape | null
}

export interface CallMethod<
  Name extends string = string,
  Params extends Schema = Schema,
  Result extends Schema = Schema,
  Target = NodeApi,
> extends MethodBase<Name, Params, Result> {
  readonly kind: 'call'
  run(
    target: Target,
    params: v.InferOutput<Params>,
    options: CallOptions,
  ): Promise<Frozen<v.InferInput<Result>>>
}

/**
 * Of the events of a watch that its reader has not taken yet: all, within bounds; or the last, where
 * each event stands for all before it; or as many as there is room for, where the source keeps the
 * others and tells what it could not.
 */
export type Keeps = 'all' | 'last' | 'some'

export interface WatchMethod<
  Name extends string = string,
  Params extends Schema = Schema,
  Result extends Schema = Schema,
  Target = NodeApi,
> extends MethodBase<Name, Params, Result> {
  readonly kind: 'watch'
  readonly keeps: Keeps
  /** What a reader is told that fell behind on its own side, after the last event that it missed. */
  readonly missed?: (last: v.InferOutput<Result>) => v.InferOutput<Result>
  run(
    target: Target,
    params: v.InferOutput<Params>,
    options: CallOptions,
  ): AsyncIterable<Frozen<v.InferInput<Result>>>
}

/**
 * A method whose parameter types are forgotten: what a server holds. It calls `run` only with what
 * the method's own schema made, so the forgetting is safe.
 */
export type AnyMethod<Target> =
  | (Omit<CallMethod, 'run'> & {
      run(target: Target, params: never, options: CallOptions): Promise<unknown>
    })
  | (Omit<WatchMethod, 'run' | 'missed'> & {
      readonly missed?: (last: never) => unknown
      run(target: Target, params: never, options: CallOptions): AsyncIterable<unknown>
    })

/**
 * Of what a daemon knows by itself, with or without its disk: at once, but for a daemon that is
 * only coming up and answers when it is there.
 */
export const OWN_KNOWLEDGE_MS = 9000

/** Of a change of the topology: one root is asked, then the next, and a majority of them decides. */
export const DECISION_MS = 30_000

const DAY_MS = 86_400_000

function deadlineUpTo(msMax: number) {
  return {
    deadlineMs: v.exactOptional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(1),
        v.maxValue(msMax),
        v.description('end with an error after this many milliseconds'),
      ),
    ),
  } as const
}

/** The parameter that every call takes. */
export const deadline = deadlineUpTo(DAY_MS)
/** The same of calls on keys, whose layers take no longer one. */
export const keyDeadline = deadlineUpTo(DEADLINE_MS_MAX)

/** Declares a call on a node; keeps the exact types for the client. */
export function call<Name extends string, Params extends Schema, Result extends Schema>(
  method: Omit<CallMethod<Name, Params, Result>, 'kind'>,
): CallMethod<Name, Params, Result> {
  return { kind: 'call', ...method }
}

/** Declares a subscription on a node. */
export function watch<Name extends string, Params extends Schema, Result extends Schema>(
  method: Omit<WatchMethod<Name, Params, Result>, 'kind'>,
): WatchMethod<Name, Params, Result> {
  return { kind: 'watch', ...method }
}
