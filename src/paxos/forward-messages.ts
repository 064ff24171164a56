/** An operation handed to whoever proposes for its key, and what came of it, as bytes. */
import { DEADLINE_MS_MAX } from '../base/call-limits.ts'
import { unreachable } from '../base/assert.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import type { Outcome } from './fold.ts'
import { OP_ID_BYTES_MAX, REGISTER_BYTES_MAX } from './limits.ts'
import { readKey } from '../topology/request-header.ts'
import { type Operation, readOperation, writeOperation } from './operation.ts'
import { decodeRegister, encodeRegister } from './register.ts'

export interface Forwarded {
  /** Number of the topology by which the sender chose whom to ask. */
  readonly topology: number
  readonly key: string
  readonly id: string
  /** See `Call`. */
  readonly since: number
  readonly deadlineMs: number
  readonly operation: Operation
}

export function encodeForwarded(message: Forwarded): Uint8Array {
  const out = new WireWriter().uint(message.topology).string(message.key).string(message.id)
  out.uint(message.since).uint(message.deadlineMs)
  return writeOperation(out, message.operation).finish()
}

/** Throws WireError. */
export function decodeForwarded(bytes: Uint8Array): Forwarded {
  const from = new WireReader(bytes)
  const topology = from.uint()
  const key = readKey(from)
  const id = from.string(OP_ID_BYTES_MAX)
  if (id === '') throw new WireError('an operation without an id')
  const since = from.uint()
  const deadlineMs = from.uint(DEADLINE_MS_MAX)
  return { topology, key, id, since, deadlineMs, operation: readOperation(from) }
}

const KINDS = ['changed', 'kept', 'unknown', 'overrun'] as const
const REASONS = ['read', 'conflict', 'not-a-number', 'overflow'] as const

export function encodeOutcome(outcome: Outcome): Uint8Array {
  const out = new WireWriter().uint(KINDS.indexOf(outcome.kind))
  switch (outcome.kind) {
    case 'changed': {
      out.uint(outcome.revision).bool(outcome.number !== null)
      if (outcome.number === null) return out.finish()
      return out
        .bool(outcome.number < 0)
        .uint(Math.abs(outcome.number))
        .finish()
    }
    case 'kept': {
      // What it remembers of its changes is for replicas alone.
      const register = { ...outcome.register, recent: [] }
      return out.uint(REASONS.indexOf(outcome.reason)).bytes(encodeRegister(register)).finish()
    }
    case 'unknown':
      return out.finish()
    case 'overrun':
      return out.uint(outcome.revision).finish()
    default:
      return unreachable(outcome)
  }
}

/** Throws WireError. */
export function decodeOutcome(bytes: Uint8Array): Outcome {
  const from = new WireReader(bytes)
  const kind = KINDS[from.uint(KINDS.length - 1)]
  switch (kind) {
    case 'changed': {
      const revision = from.uint()
      if (!from.bool()) return { kind, revision, number: null }
      const isNegative = from.bool()
      const size = from.uint()
      return { kind, revision, number: isNegative ? 0 - size : size }
    }
    case 'kept': {
      const reason = REASONS[from.uint(REASONS.length - 1)]
      if (reason === undefined) throw new WireError('unknown reason')
      return { kind, reason, register: decodeRegister(from.bytes(REGISTER_BYTES_MAX)) }
    }
    case 'unknown':
      return { kind }
    case 'overrun':
      return { kind, revision: from.uint() }
    case undefined:
      throw new WireError('unknown outcome')
    default:
      return unreachable(kind)
  }
}
