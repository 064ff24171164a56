/**
 * An AtollError as bytes: code, outcome, message, hint. The texts are cut to their bounds, so an
 * error is never too large to be told.
 */
import { AtollError, isErrorCode, type Outcome } from '../base/errors.ts'
import { WireError, WireReader, WireWriter } from './codec.ts'

const OUTCOMES: readonly Outcome[] = ['applied', 'not-applied', 'unknown']
const CODE_BYTES_MAX = 64
const MESSAGE_CHARS_MAX = 512
const HINT_CHARS_MAX = 256
/** A UTF-16 unit has at most three bytes in UTF-8. */
const BYTES_PER_CHAR = 3

export function encodeError(error: AtollError): Uint8Array {
  return new WireWriter()
    .string(error.code)
    .uint(OUTCOMES.indexOf(error.outcome))
    .string(cut(error.message, MESSAGE_CHARS_MAX))
    .string(cut(error.hint ?? '', HINT_CHARS_MAX))
    .finish()
}

/** Throws WireError. A code that this version does not know becomes INTERNAL. */
export function decodeError(bytes: Uint8Array): AtollError {
  const from = new WireReader(bytes)
  const code = from.string(CODE_BYTES_MAX)
  const outcome = OUTCOMES[from.uint(OUTCOMES.length - 1)] ?? 'unknown'
  const message = from.string(MESSAGE_CHARS_MAX * BYTES_PER_CHAR)
  const hint = from.string(HINT_CHARS_MAX * BYTES_PER_CHAR)
  if (code === '') throw new WireError('an error without a code')
  const known = isErrorCode(code)
  return new AtollError(known ? code : 'INTERNAL', known ? message : `${code}: ${message}`, {
    outcome,
    ...(hint === '' ? {} : { hint }),
  })
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1)}…`
}
