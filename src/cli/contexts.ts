/**
 * Contexts: names for daemons' sockets, so that a terminal needs no `--socket`. They live in
 * $XDG_CONFIG_HOME/atoll/contexts.json; `atoll dev` makes and removes its own.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { AtollError } from '../base/errors.ts'
import type { Environment } from '../rpc/socket-path.ts'

const schema = v.object({
  current: v.nullable(v.string()),
  contexts: v.record(
    v.string(),
    v.object({
      socket: v.string(),
      /** Of a throw-away mesh: where `atoll dev` takes orders. */
      control: v.optional(v.string()),
    }),
  ),
})

export type Contexts = v.InferOutput<typeof schema>

const NONE: Contexts = { current: null, contexts: {} }

function contextsPath(env: Environment): string {
  const { XDG_CONFIG_HOME, HOME } = env
  return join(XDG_CONFIG_HOME || join(HOME || homedir(), '.config'), 'atoll', 'contexts.json')
}

/** No file: no contexts. Throws CONFIG_INVALID for one that cannot be read. */
export function readContexts(env: Environment): Contexts {
  const path = contextsPath(env)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NONE
    throw invalid(path, error)
  }
  try {
    return v.parse(schema, JSON.parse(text))
  } catch (error) {
    throw invalid(path, error)
  }
}

/** In one step: a reader sees the old file or the new one. */
export function writeContexts(env: Environment, contexts: Contexts): void {
  const path = contextsPath(env)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const partial = `${path}.${process.pid}`
  writeFileSync(partial, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600 })
  renameSync(partial, path)
}

/** `NAME`, or `c` beside the current `dev/a`. Throws NOT_FOUND. */
export function findContext(contexts: Contexts, name: string): string {
  if (Object.hasOwn(contexts.contexts, name)) return name
  const family = contexts.current?.split('/').slice(0, -1).join('/')
  const sibling = `${family}/${name}`
  if (family && Object.hasOwn(contexts.contexts, sibling)) return sibling
  const known = Object.keys(contexts.contexts)
  throw new AtollError('NOT_FOUND', `there is no context "${name}"`, {
    hint: known.length === 0 ? 'see: atoll context ls' : `there are: ${known.join(', ')}`,
  })
}

function invalid(path: string, cause: unknown): AtollError {
  const { code, message } = cause as NodeJS.ErrnoException
  return new AtollError('CONFIG_INVALID', `${path} cannot be read (${code ?? message})`, {
    hint: 'repair or remove it',
    cause,
  })
}
