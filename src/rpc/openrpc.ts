/** The table of methods as an OpenRPC 1.3 document (spec.open-rpc.org), for `rpc.discover`. */
import { ERRORS, type ErrorCode } from '../base/errors.ts'
import type { JsonValue } from '../node/api.ts'
import { jsonSchema } from './json-schema.ts'
import type { AnyMethod } from './method.ts'
import { PROTOCOL } from './protocol.ts'
import { VERSION } from '../base/version.ts'

type JsonObject = { readonly [key: string]: JsonValue }

/** What any call can end with. */
const COMMON: readonly ErrorCode[] = [
  'INTERNAL',
  'USAGE',
  'TIMEOUT',
  'STOPPED',
  'CANCELLED',
  'BUSY',
]

/** The part of a method that says what it is, not what it does. */
type Declared = Omit<AnyMethod<never>, 'run'>

export function openRpc(methods: Iterable<Declared>): JsonObject {
  return {
    openrpc: '1.3.2',
    info: { title: 'atoll', version: VERSION },
    methods: [...methods].map(methodObject),
    components: {
      errors: Object.fromEntries(
        Object.entries(ERRORS).map(([code, { rpc, meaning, retryable }]) => [
          code,
          { code: rpc, message: meaning, data: { code, retryable } },
        ]),
      ),
    },
    'x-protocol': PROTOCOL,
  }
}

function methodObject(method: Declared): JsonObject {
  const params = jsonSchema(method.params) as {
    readonly properties?: { readonly [name: string]: JsonObject }
    readonly required?: readonly string[]
  }
  const result = jsonSchema(method.result)
  return {
    name: method.name,
    summary: method.help,
    paramStructure: 'by-name',
    params: Object.entries(params.properties ?? {}).map(([name, schema]) => ({
      name,
      required: params.required?.includes(name) ?? false,
      schema,
    })),
    result:
      method.kind === 'call'
        ? { name: 'result', schema: result }
        : { name: 'subscription', schema: subscriptionSchema(result) },
    errors: [...COMMON, ...method.errors].map((code) => ({ $ref: `#/components/errors/${code}` })),
    'x-subscription': method.kind === 'watch',
    'x-changes': method.changes,
    'x-within-ms': method.withinMs,
  }
}

/** The events come in notifications of the method's own name. */
function subscriptionSchema(event: JsonObject): JsonObject {
  return {
    type: 'object',
    required: ['subscription', 'cursor'],
    properties: { subscription: { type: 'string' }, cursor: { type: 'string' } },
    'x-event': event,
  }
}
