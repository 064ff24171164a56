/**
 * JSON-RPC 2.0 messages (jsonrpc.org/specification): what a request is, and where its answer goes:
 * straight to the connection, or into the one reply of its batch.
 */
import { AtollError } from '../base/errors.ts'
import type { RpcCounts } from './counts.ts'
import { errorObject, type ErrorObject } from './error-object.ts'
import { REPLY_BYTES_MAX } from './limits.ts'

/** undefined: a notification, which gets no answer. */
export type RequestId = string | number | null | undefined

const ID_LENGTH_MAX = 256

export interface Request {
  readonly id: RequestId
  readonly method: string
  readonly params: unknown
}

/** null when it is no request. The id counts even then: the error shall find its way back. */
export function requestOf(message: unknown): Request | null {
  if (typeof message !== 'object' || message === null) return null
  const { jsonrpc, method, params } = message as Record<string, unknown>
  const id = idOf(message)
  if (jsonrpc !== '2.0' || typeof method !== 'string' || id === 'wrong') return null
  return { id: id?.id, method, params }
}

/** The id to answer a message with that is no request. */
export function idOfWrong(message: unknown): string | number | null {
  if (typeof message !== 'object' || message === null) return null
  const id = idOf(message)
  return id === 'wrong' ? null : (id?.id ?? null)
}

function idOf(message: object): { readonly id: string | number | null } | undefined | 'wrong' {
  if (!Object.hasOwn(message, 'id')) return undefined
  const { id } = message as { id: unknown }
  if (id === null) return { id }
  if (typeof id === 'number' && Number.isFinite(id)) return { id }
  return typeof id === 'string' && id.length <= ID_LENGTH_MAX ? { id } : 'wrong'
}

/** Where texts of whole replies go: a connection, or the batch that they are a part of. */
export interface ReplySink {
  /** null: this one has no answer. */
  reply(text: string | null): void
}

/** The way back of one request. Used once. */
export class Reply {
  readonly #sink: ReplySink
  readonly #id: RequestId
  readonly #counts: RpcCounts

  constructor(sink: ReplySink, id: RequestId, counts: RpcCounts) {
    this.#counts = counts
    this.#sink = sink
    this.#id = id
  }

  result(result: unknown): void {
    if (this.#id === undefined) return this.#sink.reply(null)
    let text: string
    try {
      text = `{"jsonrpc":"2.0","id":${idText(this.#id)},"result":${JSON.stringify(result ?? null)}}`
    } catch (error) {
      return this.error(error)
    }
    if (fitsReply(text)) return this.#sink.reply(text)
    this.error(new AtollError('TOO_LARGE', `the reply is over ${REPLY_BYTES_MAX} bytes`))
  }

  error(error: unknown): void {
    this.refuse(errorObject(error))
  }

  refuse(error: ErrorObject): void {
    this.#counts.error(error.data.code)
    this.#sink.reply(this.#id === undefined ? null : errorText(this.#id, error))
  }
}

/** A character takes three bytes at most: what is short enough for that is not measured. */
function fitsReply(text: string): boolean {
  return text.length * 3 <= REPLY_BYTES_MAX || Buffer.byteLength(text) <= REPLY_BYTES_MAX
}

export function errorText(id: string | number | null, error: ErrorObject): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"error":${JSON.stringify(error)}}`
}

function idText(id: string | number | null): string {
  return typeof id === 'number' ? String(id) : JSON.stringify(id)
}

/** Collects the answers of a batch and sends them as one array once the last is there. */
export class Batch implements ReplySink {
  readonly #sink: ReplySink
  /** How many are still to come. */
  #open: number
  readonly #texts: string[] = []

  constructor(sink: ReplySink, size: number) {
    this.#sink = sink
    this.#open = size
  }

  reply(text: string | null): void {
    if (text !== null) this.#texts.push(text)
    if (--this.#open > 0) return
    this.#sink.reply(this.#texts.length === 0 ? null : `[${this.#texts.join(',')}]`)
  }
}
