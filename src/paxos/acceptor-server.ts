/**
 * What acceptors are asked over the mesh. Whoever proposes must be a member of the topology, and its
 * ballots are its own: they are made here from the name and boot number that the mesh has proved.
 */
import { AtollError } from '../base/errors.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { TopologyView } from '../topology/topology.ts'
import type { Peers } from '../topology/peers.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { type Ballot, readBallot } from './ballot.ts'
import { KEY_BYTES_MAX } from './limits.ts'
import {
  answerWriter,
  encodeRejected,
  encodeStale,
  type Header,
  readAccept,
  readCounter,
  readHeader,
  readKey,
  type Reply,
  writeHeld,
  writePromised,
} from './messages.ts'
import type { Replica } from './replica.ts'
import { writePage } from './list-messages.ts'

export interface AcceptorServerOptions {
  readonly mesh: Mesh
  readonly replica: Replica
  readonly topology: TopologyView
  readonly peers: Peers
}

type Serve = (header: Header, from: WireReader, peer: RemotePeer) => Promise<Uint8Array>

/** Sets the mesh's handlers: make it before the mesh starts. */
export class AcceptorServer {
  readonly #options: AcceptorServerOptions

  constructor(options: AcceptorServerOptions) {
    this.#options = options
    const { replica } = options
    this.#handle(REQUEST_KINDS.REG_PREPARE, async (header, from, peer) => {
      const key = readKey(from)
      const reply = await replica.prepare(header, key, ballotOf(header, readCounter(from), peer))
      return encodeReply(reply, writePromised)
    })
    this.#handle(REQUEST_KINDS.REG_ACCEPT, async (header, from, peer) => {
      const key = readKey(from)
      const { counter, next, value } = readAccept(from)
      const vote = {
        ballot: ballotOf(header, counter, peer),
        next: ballotOf(header, next, peer),
        // Kept in the table of the disk: as a view it would keep the whole frame.
        value: value.slice(),
      }
      return encodeReply(await replica.accept(header, key, vote), writeNothing)
    })
    const read: Serve = async (header, from) => {
      const key = readKey(from)
      return encodeReply(await replica.read(header, key, from.bool()), writeHeld)
    }
    this.#handle(REQUEST_KINDS.REG_READ, read, 'anybody')
    this.#handle(REQUEST_KINDS.REG_REMOVE, async (header, from) => {
      const key = readKey(from)
      return encodeReply(await replica.remove(header, key, readBallot(from)), writeNothing)
    })
    this.#handle(REQUEST_KINDS.REG_LIST, async (header, from) => {
      return encodeReply(await replica.list(header, from.string(KEY_BYTES_MAX)), writePage)
    })
    this.#handle(REQUEST_KINDS.REG_INSTALL, async (header, from) => {
      return encodeReply(await replica.install(header, from.uint()), writeNothing)
    })
  }

  /** `members`: of the topology. Anybody else in the cluster may read. */
  #handle(kind: number, serve: Serve, who: 'members' | 'anybody' = 'members'): void {
    const { mesh, replica } = this.#options
    mesh.handle(kind, async (peer, body) => {
      const from = new WireReader(body)
      const header = readHeader(from)
      await replica.catchUp(header, peer)
      if (who === 'members') this.#checkMember(peer)
      return serve(header, from, peer)
    })
  }

  #checkMember({ storageId, peer }: RemotePeer): void {
    const topology = this.#options.topology.current()
    if (topology !== null && this.#options.peers.of(topology, storageId) === peer) return
    throw new AtollError('DENIED', 'only members of the topology propose')
  }
}

function ballotOf(header: Header, counter: number, { storageId, boot }: RemotePeer): Ballot {
  return { cfg: header.cfg, counter, storageId, boot }
}

function encodeReply<T>(reply: Reply<T>, write: (out: WireWriter, body: T) => void): Uint8Array {
  if (reply.kind === 'stale') return encodeStale(reply.topology)
  if (reply.kind === 'rejected') return encodeRejected(reply.place, reply.by)
  const out = answerWriter(reply.place)
  write(out, reply.body)
  return out.finish()
}

function writeNothing(): void {}
