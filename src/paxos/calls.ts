/** What callers say and what they are told: options checked, outcomes as results and errors. */
import { AtollError } from '../base/errors.ts'
import { decodeValue } from '../base/value.ts'
import type { RegChangeOptions, RegRead, RegSetOptions } from './api.ts'
import type { Outcome } from './fold.ts'
import { CALLERS_OP_ID_BYTES_MAX } from './limits.ts'
import type { Condition } from './operation.ts'
import type { Register } from './register.ts'
import { pointOf, versionOf } from './version.ts'

/** Names of operations that callers give begin so, those of this node otherwise. */
const CALLERS = 'c'

export function readOf(key: string, { kind, value, revision }: Register): RegRead | null {
  if (kind === 'absent') return null
  return { key, value: decodeValue(kind, value), version: versionOf(revision) }
}

export function conditionOf({ ifVersion, ifAbsent }: RegSetOptions): Condition {
  if (ifVersion === undefined) return ifAbsent === true ? { revision: 0 } : null
  if (ifAbsent === true) throw new AtollError('USAGE', 'ifVersion and ifAbsent exclude each other')
  const { revision, isGone } = pointOf(ifVersion)
  return { revision: isGone ? 0 : revision }
}

export function idOf({ opId }: RegChangeOptions): string | null {
  if (opId === undefined) return null
  const bytes = Buffer.byteLength(opId)
  const isGood = bytes > 0 && bytes <= CALLERS_OP_ID_BYTES_MAX && opId.isWellFormed()
  if (isGood) return CALLERS + opId
  throw new AtollError('USAGE', `opId has 1 to ${CALLERS_OP_ID_BYTES_MAX} bytes of UTF-8`)
}

export function errorOf(key: string, outcome: Outcome): AtollError {
  if (outcome.kind === 'kept') {
    if (outcome.reason === 'not-a-number') {
      return new AtollError('CONFLICT', `"${key}" holds no whole number`)
    }
    if (outcome.reason === 'overflow') {
      return new AtollError('CONFLICT', `"${key}" would leave 53 bits`)
    }
    const { kind, revision } = outcome.register
    const what =
      kind === 'absent' ? 'there is no value' : `current version is ${versionOf(revision)}`
    const version = kind === 'absent' ? '' : versionOf(revision)
    return new AtollError('CONFLICT', `${what}`, { version })
  }
  return new AtollError('TIMEOUT', `"${key}" changed too often to tell what became of the call`, {
    outcome: 'unknown',
    hint: 'read the register, then decide',
  })
}
