/** `kv.counter` and `kv.set`: calls on keys of one type, over the reads and writes of any. */
import { AtollError } from '../base/errors.ts'
import type { Value } from '../base/value.ts'
import type {
  KvCounterApi,
  KvGetOptions,
  KvMergeType,
  KvRead,
  KvSetApi,
  KvValueWritten,
  KvWriteOptions,
} from './api.ts'
import { checkedDelta } from './call-options.ts'
import { elementsOf } from './canonical.ts'
import type { Edit } from './edit.ts'
import { readOf, type Looked } from './shown.ts'

/** What both are made of. */
export interface TypedCalls {
  /** `effect`: see `Edited`. `edit` throws what is wrong with the call. */
  readonly write: (
    operation: 'counter-add' | 'set-add' | 'set-rm',
    key: string,
    edit: () => Edit,
    options: KvWriteOptions,
  ) => Promise<KvValueWritten & { readonly effect: number }>
  readonly look: (key: string, options: KvGetOptions) => Promise<Looked>
}

export function counterOf({ write, look }: TypedCalls): KvCounterApi {
  return {
    add: async (key, delta = 1, options = {}) => {
      const edit = (): Edit => ({ what: 'count', delta: checkedDelta(delta), anew: false })
      const { effect, siblingCount: _, ...written } = await write('counter-add', key, edit, options)
      return { ...written, value: effect }
    },
    get: async (key, options = {}) => {
      const looked = await look(key, options)
      const read = readOf(looked)
      if (read === null) return null
      return { ...read, value: checked(read, 'counter').value as number }
    },
  }
}

export function setOf({ write, look }: TypedCalls): KvSetApi {
  const change = async (
    what: 'add' | 'rm',
    key: string,
    values: readonly Value[],
    options: KvWriteOptions,
  ) => {
    const edit = (): Edit => {
      const elements = elementsOf(values)
      return what === 'add' ? { what, elements, anew: false } : { what: 'remove', elements }
    }
    // A context would cover elements that its writer has not seen.
    const outcome = await write(`set-${what}`, key, edit, options)
    const { effect, context: _, siblingCount: _count, ...written } = outcome
    return { ...written, changed: effect }
  }
  return {
    add: (key, elements, options = {}) => change('add', key, elements, options),
    rm: (key, elements, options = {}) => change('rm', key, elements, options),
    ls: async (key, options = {}) => {
      const { shown, ageMs, ...looked } = await look(key, options)
      const age = ageMs === null ? {} : { ageMs }
      const read = readOf({ shown, ageMs, ...looked })
      if (read === null) return { ...looked, value: [], others: [], type: 'set', ...age }
      return { ...read, value: checked(read, 'set').value as readonly Value[] }
    },
  }
}

/** Throws CONFLICT when it is of another type. */
function checked(read: KvRead, wanted: KvMergeType): KvRead {
  if (read.type === wanted) return read
  const what = read.type === undefined ? 'a value that was put' : `a ${read.type}`
  throw new AtollError('CONFLICT', `"${read.key}" holds ${what}, not a ${wanted}`, {
    hint: `read it: atoll kv get ${read.key}`,
  })
}
