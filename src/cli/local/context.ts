/** `context ls`, `use`, `add` and `rm`. */
import { resolve } from 'node:path'
import { AtollError } from '../../base/errors.ts'
import { checkSocketPath } from '../../rpc/socket-path.ts'
import type { CommandContext } from '../command.ts'
import { findContext, readContexts, writeContexts } from '../contexts.ts'
import { columns } from '../terminal.ts'

interface Row {
  readonly name: string
  readonly socket: string
  readonly current: boolean
}

const NAME = /^[\w.-]+(?:\/[\w.-]+)*$/
const NAME_LENGTH_MAX = 64
/** Made and removed by `atoll dev`. */
const DEV = 'dev/'

export function listContexts({ env, output }: CommandContext): void {
  const { current, contexts } = readContexts(env)
  const rows: readonly Row[] = Object.entries(contexts).map(([name, { socket }]) => {
    return { name, socket, current: name === current }
  })
  output.result(rows, {
    human: (all) => columns(all.map((row) => [row.current ? '*' : ' ', row.name, row.socket])),
  })
}

export async function useContext({ env, output }: CommandContext, name: string): Promise<void> {
  const contexts = readContexts(env)
  const current = findContext(contexts, name)
  writeContexts(env, { ...contexts, current })
  output.result(
    { current },
    { human: (now) => `ok  context ${now.current}\n`, raw: (now) => `${now.current}\n` },
  )
}

/** The path is kept whole: a context is used from any directory. No daemon needs to be there yet. */
export async function addContext(
  { env, output, program }: CommandContext,
  name: string,
  path: string,
): Promise<void> {
  checkName(name)
  const socket = resolve(path)
  checkSocketPath(socket)
  const { current, contexts } = readContexts(env)
  const there = Object.hasOwn(contexts, name) ? contexts[name]?.socket : undefined
  if (there !== undefined && there !== socket) {
    throw new AtollError('CONFLICT', `the context "${name}" is there, with the socket ${there}`, {
      hint: `remove it first: ${program} context rm ${name}`,
    })
  }
  writeContexts(env, { current, contexts: { ...contexts, [name]: { socket } } })
  output.result(
    { name, socket },
    { human: () => `ok  ${name} is ${socket}; use it with --at ${name}\n`, raw: () => `${name}\n` },
  )
}

/** Removing the one in use leaves none in use. */
export async function removeContext({ env, output }: CommandContext, name: string): Promise<void> {
  const { current, contexts } = readContexts(env)
  const found = findContext({ current, contexts }, name)
  const { [found]: _removed, ...kept } = contexts
  writeContexts(env, { current: current === found ? null : current, contexts: kept })
  output.result(
    { removed: found },
    { human: () => `ok  removed ${found}\n`, raw: () => `${found}\n` },
  )
}

function checkName(name: string): void {
  if (name.startsWith(DEV)) {
    throw new AtollError('USAGE', `names that begin with ${DEV} belong to the throw-away mesh`)
  }
  if (NAME.test(name) && name.length <= NAME_LENGTH_MAX && name !== '__proto__') return
  throw new AtollError('USAGE', `"${name.slice(0, NAME_LENGTH_MAX)}" is no name of a context`, {
    hint: 'it has letters, digits, dots, dashes and slashes, such as prod/a',
  })
}
