/** What a command has at hand, and how it reaches its daemon. */
import { existsSync } from 'node:fs'
import { AtollError, isAtollError } from '../base/errors.ts'
import type { RpcClient } from '../rpc/client.ts'
import { connectClient } from '../rpc/connect-client.ts'
import { type MethodName, METHODS } from '../rpc/methods.ts'
import type { ClientCallOptions } from '../rpc/pending-call.ts'
import { type Environment, findSocketPath } from '../rpc/socket-path.ts'
import { findContext, readContexts } from './contexts.ts'
import type { Output } from './output.ts'

/** The options that every command takes. */
export interface GlobalOptions {
  readonly socket?: string
  readonly at?: string
  readonly timeoutMs?: number
}

export interface CommandContext {
  readonly output: Output
  readonly env: Environment
  readonly options: GlobalOptions
  /** `atoll` or `atolld`: what to tell people to type. */
  readonly program: string
  /** The daemon's own program file, for `dev`. */
  readonly atolld: string
  /** Aborts at Ctrl-C, for commands that end in an orderly way. */
  readonly interrupted: () => AbortSignal
}

/** --socket, --at, ATOLL_SOCKET, the current context, the default. */
export function socketOf({ options, env }: CommandContext): string {
  if (options.socket !== undefined) return options.socket
  if (options.at === undefined && env['ATOLL_SOCKET']) return env['ATOLL_SOCKET']
  const contexts = readContexts(env)
  const name = options.at === undefined ? contexts.current : findContext(contexts, options.at)
  return contexts.contexts[name ?? '']?.socket ?? findSocketPath(env)
}

/** Runs with a connection and closes it. */
export async function withClient<T>(
  context: CommandContext,
  run: (client: RpcClient) => Promise<T>,
): Promise<T> {
  const client = await reached(context)
  try {
    return await run(client)
  } finally {
    await client.close()
  }
}

const NO_DAEMON = 'start one with `atolld`, or name its socket with --socket'

async function reached(context: CommandContext): Promise<RpcClient> {
  const socket = socketOf(context)
  try {
    return await connectClient(socket)
  } catch (error) {
    if (!isAtollError(error, 'UNREACHABLE')) throw error
    const hint = hintOfMesh(context, socket) ?? NO_DAEMON
    throw new AtollError(error.code, error.message, { hint, cause: error })
  }
}

/** What to do about a daemon of a throw-away mesh; null for any other. */
function hintOfMesh({ env, program }: CommandContext, socket: string): string | null {
  const { contexts } = readContexts(env)
  const all = Object.entries(contexts)
  const [name, entry] = all.find(([, each]) => each.socket === socket) ?? []
  if (name === undefined || entry?.control === undefined) return null
  if (!existsSync(entry.control)) return `the mesh is gone; start one with: ${program} dev`
  const short = (full: string) => full.slice(full.lastIndexOf('/') + 1)
  const [other] = all.find(([, each]) => each.control === entry.control && each !== entry) ?? []
  const elsewhere = other === undefined ? '' : `, or ask another daemon with --at ${short(other)}`
  return `start it again with: ${program} dev heal ${short(name)}${elsewhere}`
}

/** A daemon that stands still is given up this much later than the call should have ended. */
const GRACE_MS = 1000

/** The command's own `--deadline`, else `--timeout`, else what the call takes by itself. */
export function callOptions(
  { options }: CommandContext,
  name: MethodName,
  deadlineMs: number | undefined = options.timeoutMs,
): ClientCallOptions {
  if (deadlineMs !== undefined) return { deadlineMs, patienceMs: deadlineMs + GRACE_MS }
  const { withinMs } = METHODS[name]
  return withinMs === null ? {} : { patienceMs: withinMs + GRACE_MS }
}
