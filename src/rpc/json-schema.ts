/** The part of valibot that the table uses, as JSON Schema. What it does not know is a defect. */
import type * as v from 'valibot'
import { AssertionError } from '../base/assert.ts'
import type { JsonValue } from '../node/api.ts'

type JsonObject = { readonly [key: string]: JsonValue }

/** The fields of valibot's schemas that are read here. */
interface Described {
  readonly type: string
  readonly pipe?: readonly (Described & Step)[]
  readonly entries?: Readonly<Record<string, Described>>
  readonly item?: Described
  readonly key?: Described
  readonly value?: Described
  readonly wrapped?: Described
  readonly default?: JsonValue
  /** Values of a picklist, schemas of a union. */
  readonly options?: readonly JsonValue[] | readonly Described[]
}

interface Step {
  readonly type: string
  readonly requirement?: unknown
  readonly description?: string
}

export function jsonSchema(schema: v.GenericSchema<unknown, unknown>): JsonObject {
  return describe(schema as unknown as Described)
}

function describe(schema: Described): JsonObject {
  if (schema.pipe === undefined) return plain(schema)
  const [first, ...steps] = schema.pipe
  const base = describe(part(first))
  return Object.assign({}, base, ...steps.map(refinement)) as JsonObject
}

function plain(schema: Described): JsonObject {
  switch (schema.type) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return { type: schema.type }
    case 'custom':
      return {}
    case 'picklist':
      return { enum: (schema.options ?? []) as readonly JsonValue[] }
    case 'union':
      return { anyOf: ((schema.options ?? []) as readonly Described[]).map(describe) }
    case 'array':
      return { type: 'array', items: describe(part(schema.item)) }
    case 'record':
      return { type: 'object', additionalProperties: describe(part(schema.value)) }
    case 'nullable':
      return { anyOf: [describe(part(schema.wrapped)), { type: 'null' }] }
    case 'exact_optional':
      return {
        ...describe(part(schema.wrapped)),
        ...(schema.default === undefined ? {} : { default: schema.default }),
      }
    case 'object':
    case 'strict_object':
      return objectSchema(schema)
    default:
      throw new AssertionError(`no JSON Schema for ${schema.type}`)
  }
}

function objectSchema(schema: Described): JsonObject {
  const entries = Object.entries(schema.entries ?? {})
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, entry]) => [name, describe(entry)])),
    required: entries.filter(([, entry]) => entry.type !== 'exact_optional').map(([name]) => name),
    ...(schema.type === 'strict_object' ? { additionalProperties: false } : {}),
  }
}

function refinement(step: Described & Step): JsonObject {
  const requirement = step.requirement as JsonValue
  switch (step.type) {
    case 'description':
      return { description: step.description ?? '' }
    case 'integer':
      return { type: 'integer' }
    case 'min_value':
      return { minimum: requirement }
    case 'max_value':
      return { maximum: requirement }
    case 'min_length':
      return { minLength: requirement }
    case 'max_length':
      return { maxLength: requirement }
    case 'check':
      return {}
    case 'record':
      return describe(step)
    default:
      throw new AssertionError(`no JSON Schema for ${step.type}`)
  }
}

function part(schema: Described | undefined): Described {
  if (schema === undefined) throw new AssertionError('a schema lacks its part')
  return schema
}
