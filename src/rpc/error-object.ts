/**
 * Errors as JSON-RPC has them, both ways. The protocol's own codes are negative and come from the
 * specification; ours come from the table in `src/base/errors.ts` and are positive, but for that of
 * wrong parameters, which the specification has. With each goes the code's name, whether to try
 * again, what is known of the outcome, and what to do next.
 */
import * as v from 'valibot'
import { AtollError, ERRORS, type ErrorCode, isErrorCode } from '../base/errors.ts'

export const PARSE_ERROR = -32700
export const INVALID_REQUEST = -32600
export const METHOD_NOT_FOUND = -32601
export const INVALID_PARAMS = ERRORS.USAGE.rpc

export interface ErrorObject {
  readonly code: number
  readonly message: string
  readonly data: {
    readonly code: ErrorCode
    readonly retryable: boolean
    readonly outcome: AtollError['outcome']
    readonly hint?: string
    readonly version?: string
  }
}

/** What is no AtollError is a defect of ours: INTERNAL, with nothing known of the outcome. */
export function errorObject(error: unknown): ErrorObject {
  const known =
    error instanceof AtollError
      ? error
      : new AtollError('INTERNAL', error instanceof Error ? error.message : String(error), {
          outcome: 'unknown',
        })
  return { code: ERRORS[known.code].rpc, message: known.message, data: dataOf(known) }
}

/** An error of the protocol itself: nothing was begun. */
export function protocolError(
  code: number,
  message: string,
  as: ErrorCode = 'USAGE',
  hint?: string,
): ErrorObject {
  const error = new AtollError(as, message, { ...(hint !== undefined && { hint }) })
  return { code, message, data: dataOf(error) }
}

function dataOf(error: AtollError): ErrorObject['data'] {
  return {
    code: error.code,
    retryable: error.retryable,
    outcome: error.outcome,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.version === undefined ? {} : { version: error.version }),
  }
}

const receivedSchema = v.object({
  code: v.number(),
  message: v.string(),
  data: v.optional(
    v.object({
      code: v.fallback(v.string(), ''),
      outcome: v.fallback(v.picklist(['applied', 'not-applied', 'unknown']), 'unknown'),
      hint: v.optional(v.string()),
      version: v.optional(v.string()),
    }),
  ),
})

/** The error that a reply carries; a reply that carries none that can be read is INTERNAL. */
export function errorOfObject(received: unknown): AtollError {
  const parsed = v.safeParse(receivedSchema, received)
  if (!parsed.success) {
    return new AtollError('INTERNAL', 'the daemon sent an error that cannot be read', {
      outcome: 'unknown',
    })
  }
  const { code, message, data } = parsed.output
  return new AtollError(codeOf(code, data?.code), message, {
    outcome: data?.outcome ?? 'unknown',
    ...(data?.hint === undefined ? {} : { hint: data.hint }),
    ...(data?.version === undefined ? {} : { version: data.version }),
  })
}

function codeOf(number: number, name: string | undefined): ErrorCode {
  if (name !== undefined && isErrorCode(name)) return name
  if (number === METHOD_NOT_FOUND) return 'UNSUPPORTED'
  return number === INVALID_PARAMS ? 'USAGE' : 'INTERNAL'
}
