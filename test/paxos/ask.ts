/** Questions to a replica as bytes, as any peer might put them. */
import { memberOf } from '../topology/members.ts'
import { type Ballot } from '../../src/paxos/ballot.ts'
import { type ListedPage, readPage } from '../../src/paxos/list-messages.ts'
import { type Header, writeHeader } from '../../src/topology/request-header.ts'
import {
  encodeAccept,
  encodePrepare,
  encodeRead,
  encodeRemove,
  type Held,
  type Promised,
  readHeld,
  readPromised,
  readReply,
  type Reply,
} from '../../src/paxos/messages.ts'
import { placeOf } from '../../src/paxos/place.ts'
import { encodeRegister, type Register } from '../../src/paxos/register.ts'
import { WireReader, WireWriter } from '../../src/wire/codec.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import type { RegisterWorld } from './world.ts'

const TIMEOUT_MS = 1000

/** `from` asks `to` about `key`, under the topology and configuration that the test names. */
export class Asker {
  readonly #world: RegisterWorld
  readonly #from: string
  readonly key: string
  /** False: the test itself lets time pass. */
  drives = true

  constructor(world: RegisterWorld, from: string, key: string) {
    this.#world = world
    this.#from = from
    this.key = key
  }

  header(more: Partial<Header> = {}): Header {
    const { topology, partition, cfg } = placeOf(this.#world.latest, this.key)
    return { topology: topology.number, partition, cfg, ...more }
  }

  prepare(to: string, counter: number, more: Partial<Header> = {}): Promise<Reply<Promised>> {
    const body = encodePrepare(this.header(more), this.key, counter)
    return this.#ask(to, REQUEST_KINDS.REG_PREPARE, body, readPromised)
  }

  accept(
    to: string,
    vote: { readonly counter: number; readonly next?: number; readonly value?: Register },
    more: Partial<Header> = {},
  ): Promise<Reply<null>> {
    const { counter, next = counter, value } = vote
    const bytes = value === undefined ? new Uint8Array() : encodeRegister(value)
    const body = encodeAccept(this.header(more), this.key, { counter, next, value: bytes })
    return this.#ask(to, REQUEST_KINDS.REG_ACCEPT, body, () => null)
  }

  read(to: string, more: Partial<Header> = {}): Promise<Reply<Held>> {
    const body = encodeRead(this.header(more), this.key, true)
    return this.#ask(to, REQUEST_KINDS.REG_READ, body, readHeld)
  }

  list(to: string, more: Partial<Header> = {}): Promise<Reply<ListedPage>> {
    const body = writeHeader(new WireWriter(), this.header(more)).string('').finish()
    return this.#ask(to, REQUEST_KINDS.REG_LIST, body, (from) => readPage(from, ''))
  }

  install(to: string, counterMax: number, more: Partial<Header> = {}): Promise<Reply<null>> {
    const body = writeHeader(new WireWriter(), this.header(more)).uint(counterMax).finish()
    return this.#ask(to, REQUEST_KINDS.REG_INSTALL, body, () => null)
  }

  remove(to: string, ballot: Ballot, more: Partial<Header> = {}): Promise<Reply<null>> {
    const body = encodeRemove(this.header(more), this.key, ballot)
    return this.#ask(to, REQUEST_KINDS.REG_REMOVE, body, () => null)
  }

  async #ask<T>(
    to: string,
    kind: number,
    body: Uint8Array,
    read: (from: WireReader) => T,
  ): Promise<Reply<T>> {
    const { mesh } = this.#world.node(this.#from)
    const options = { timeoutMs: TIMEOUT_MS }
    const answer = mesh.request(memberOf(to).id, kind, body, options)
    const bytes = await (this.drives ? this.#world.drive(answer) : answer)
    return readReply(new WireReader(bytes), read)
  }
}
