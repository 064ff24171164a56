/** Several questions of repair to one peer in one message, and what became of each. */
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import { WireError, WireReader, WireWriter } from '../../wire/codec.ts'
import { RECORD_BYTES_MAX, SYNC_BYTES } from '../limits.ts'

/** Of one message. */
export const QUESTIONS_MAX = 16
/** All answers of one message; what does not fit is asked again. One may be larger. */
export const ANSWERS_BYTES_MAX = 2 * SYNC_BYTES
/** One question or answer: a page, and one record more than fits in it. */
const BODY_BYTES_MAX = RECORD_BYTES_MAX + ANSWERS_BYTES_MAX

/** Those that may travel together. */
const KINDS = [
  REQUEST_KINDS.KV_SYNC_SUMS,
  REQUEST_KINDS.KV_SYNC_KEYS,
  REQUEST_KINDS.KV_SYNC_PULL,
  REQUEST_KINDS.KV_SYNC_PUSH,
] as const

export type SyncKind = (typeof KINDS)[number]

export interface SyncQuestion {
  readonly kind: SyncKind
  readonly body: Uint8Array
}

/** again: there was no room for it. alone: it was refused, and whoever asks it alone hears why. */
export type SyncAnswer = Uint8Array | 'again' | 'alone'

const ANSWERED = 0
const AGAIN = 1
const ALONE = 2

export function encodeQuestions(questions: readonly SyncQuestion[]): Uint8Array {
  const out = new WireWriter()
  return out.list(questions, (to, { kind, body }) => to.uint(kind).bytes(body)).finish()
}

export function decodeQuestions(bytes: Uint8Array): SyncQuestion[] {
  return new WireReader(bytes).list(QUESTIONS_MAX, (from) => {
    const number = from.uint()
    const kind = KINDS.find((each) => each === number)
    if (kind === undefined) throw new WireError(`a question of kind ${number} among others`)
    return { kind, body: from.bytes(BODY_BYTES_MAX) }
  })
}

/** The first fits always, so whoever asks again what did not gets on. */
export function encodeAnswers(answers: readonly SyncAnswer[]): Uint8Array {
  let bytes = 0
  const out = new WireWriter().list(answers, (to, answer) => {
    if (answer === 'alone') return to.uint(ALONE)
    const fits = answer !== 'again' && (bytes === 0 || bytes + answer.length <= ANSWERS_BYTES_MAX)
    if (!fits) return to.uint(AGAIN)
    bytes += answer.length
    return to.uint(ANSWERED).bytes(answer)
  })
  return out.finish()
}

export function decodeAnswers(bytes: Uint8Array): SyncAnswer[] {
  return new WireReader(bytes).list(QUESTIONS_MAX, (from) => {
    const what = from.uint(ALONE)
    if (what === ANSWERED) return from.bytes(BODY_BYTES_MAX)
    return what === AGAIN ? 'again' : 'alone'
  })
}
