/** Requests and answers as bytes, taken apart. */
import { readHeader, readKey } from '../../src/topology/request-header.ts'
import { answerWriter, readReply } from '../../src/paxos/messages.ts'
import { WireError, WireReader, WireWriter } from '../../src/wire/codec.ts'

/** What a request of this form is read as. */
export function reading<T>(read: (from: WireReader) => T) {
  return (bytes: Uint8Array) => {
    const from = new WireReader(bytes)
    return { header: readHeader(from), key: readKey(from), body: read(from) }
  }
}

/** An answer with this body. */
export function answered<T>(body: T, write: (out: WireWriter, body: T) => unknown): Uint8Array {
  const out = answerWriter(3)
  write(out, body)
  return out.finish()
}

export function bodyOf<T>(bytes: Uint8Array, read: (from: WireReader) => T): T {
  const reply = readReply(new WireReader(bytes), read)
  if (reply.kind !== 'answer') throw new WireError('no answer')
  return reply.body
}
