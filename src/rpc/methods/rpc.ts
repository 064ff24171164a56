/** What the protocol says of itself. */
import * as v from 'valibot'
import type { JsonValue } from '../../node/api.ts'
import { call, deadline, OWN_KNOWLEDGE_MS } from '../method.ts'
import { VERSION } from '../../base/version.ts'

export const version = call({
  name: 'version',
  help: 'the version of the daemon',
  params: v.strictObject({ ...deadline }),
  result: v.object({ version: v.string(), node: v.string() }),
  errors: [],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: null,
  run: () => Promise.resolve({ version: VERSION, node: process.version }),
})

/** Answered by the server itself, which knows its whole table (openrpc.ts). */
export const discover = call({
  name: 'rpc.discover',
  help: 'this protocol as an OpenRPC document',
  params: v.strictObject({ ...deadline }),
  result: v.record(
    v.string(),
    v.custom<JsonValue>((input) => input !== undefined),
  ),
  errors: [],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: null,
  run: () => Promise.reject(new Error('answered by the server')),
})
