/**
 * What acceptors are asked over the mesh. Whoever proposes must be a member of the topology, and its
 * ballots are its own: they are made here from the name and boot number that the mesh has proved.
 *
 * What no honest peer asks is refused, counted by reason, and logged once a peer and reason.
 */
import { KEY_BYTES_MAX } from '../base/value.ts'
import { AtollError, isAtollError } from '../base/errors.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { TopologyView } from '../topology/topology.ts'
import type { KnownTopology } from '../topology/known-topology.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { type Ballot, readBallot } from './ballot.ts'
import type { Refused, RegisterCounts } from './counts.ts'
import { type Header, readHeader, readKey } from '../topology/request-header.ts'
import {
  answerWriter,
  encodeRejected,
  encodeStale,
  type Held,
  readAccept,
  readCounter,
  type Reply,
  writeHeld,
  writePromised,
} from './messages.ts'
import { checkHead } from './register.ts'
import type { Replica } from './replica.ts'
import { writePage } from './list-messages.ts'

export interface AcceptorServerOptions {
  readonly mesh: Mesh
  readonly replica: Replica
  readonly topology: TopologyView
  readonly known: KnownTopology
  readonly counts: RegisterCounts
}

type Serve<T> = (header: Header, from: WireReader, peer: RemotePeer) => Promise<Reply<T>>
type Write<T> = (out: WireWriter, body: T) => void

/** Sets the mesh's handlers: make it before the mesh starts. */
export class AcceptorServer {
  readonly #options: AcceptorServerOptions

  constructor(options: AcceptorServerOptions) {
    this.#options = options
    const { replica } = options
    this.#handle(REQUEST_KINDS.REG_PREPARE, writePromised, (header, from, peer) => {
      const key = readKey(from)
      return replica.prepare(header, key, ballotOf(header, readCounter(from), peer))
    })
    this.#handle(REQUEST_KINDS.REG_ACCEPT, writeNothing, (header, from, peer) => {
      const key = readKey(from)
      const { counter, next, value } = readAccept(from)
      const ballot = ballotOf(header, counter, peer)
      checkHead(value, ballot)
      // Kept in the table of the disk: as a view it would keep the whole frame.
      const vote = { ballot, next: ballotOf(header, next, peer), value: value.slice() }
      return replica.accept(header, key, vote)
    })
    const read: Serve<Held> = (header, from) => {
      const key = readKey(from)
      return replica.read(header, key, from.bool())
    }
    this.#handle(REQUEST_KINDS.REG_READ, writeHeld, read, 'anybody')
    this.#handle(REQUEST_KINDS.REG_REMOVE, writeNothing, (header, from) => {
      const key = readKey(from)
      return replica.remove(header, key, readBallot(from))
    })
    this.#handle(REQUEST_KINDS.REG_LIST, writePage, (header, from) =>
      replica.list(header, from.string(KEY_BYTES_MAX)),
    )
    this.#handle(REQUEST_KINDS.REG_INSTALL, writeNothing, (header, from) =>
      replica.install(header, from.uint()),
    )
  }

  /** `members`: of the topology. Anybody else in the cluster may read. */
  #handle<T>(
    kind: number,
    write: Write<T>,
    serve: Serve<T>,
    who: 'members' | 'anybody' = 'members',
  ): void {
    this.#options.mesh.handle(kind, async (peer, body) => {
      try {
        const from = new WireReader(body)
        const header = readHeader(from)
        await this.#catchUp(header, peer)
        if (who === 'members') this.#checkMember(peer)
        const reply = await serve(header, from, peer)
        this.#noteStale(header, peer, reply)
        return encodeReply(reply, write)
      } catch (error) {
        if (isAtollError(error, 'CLOCK_SKEW')) this.#note(peer, 'far-future', error.message)
        if (!(error instanceof WireError)) throw error
        this.#note(peer, 'malformed', error.message)
        throw new AtollError('USAGE', error.message, { cause: error })
      }
    })
  }

  async #catchUp(header: Header, peer: RemotePeer): Promise<void> {
    try {
      await this.#options.replica.catchUp(header, peer)
    } catch (error) {
      const isNowhere = isAtollError(error, 'UNREACHABLE') || isAtollError(error, 'DENIED')
      if (isNowhere) this.#note(peer, 'unknown-topology', error.message)
      throw error
    }
  }

  #checkMember(peer: RemotePeer): void {
    if (this.#options.known.isMember(peer)) return
    const why = 'only members of the topology propose'
    this.#note(peer, 'not-a-member', why)
    throw new AtollError('DENIED', why)
  }

  /** Who acts on an older topology is late. Who acts on ours should know what is held here. */
  #noteStale({ topology, partition, cfg }: Header, peer: RemotePeer, reply: Reply<unknown>): void {
    if (reply.kind !== 'stale') return
    const count = this.#options.topology.current()?.partitions.length ?? 0
    if (topology < reply.topology && partition < count) return
    this.#note(peer, 'not-held', `partition ${partition} of configuration ${cfg}`)
  }

  #note({ peer }: RemotePeer, reason: Refused, why: string): void {
    this.#options.counts.refusals.note(peer, reason, why)
  }
}

function ballotOf(header: Header, counter: number, { storageId, boot }: RemotePeer): Ballot {
  return { cfg: header.cfg, counter, storageId, boot }
}

function encodeReply<T>(reply: Reply<T>, write: Write<T>): Uint8Array {
  if (reply.kind === 'stale') return encodeStale(reply.topology)
  if (reply.kind === 'rejected') return encodeRejected(reply.place, reply.by)
  const out = answerWriter(reply.place)
  write(out, reply.body)
  return out.finish()
}

function writeNothing(): void {}
