/**
 * State exchanges with the mesh: those that the core begins, and the other half of those that others
 * begin. At most one of ours is under way, by the core's rule.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { Log } from '../seams/log.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { decodePushPull, encodePushPull } from './codec.ts'
import type { SwimCounts } from './counts.ts'
import type { PushPull } from './messages.ts'

export interface ExchangesOptions {
  readonly mesh: Mesh
  readonly log: Log
  readonly counts: () => SwimCounts
  /** Goes out with every message. */
  readonly digest: () => number
  readonly onDigest: (peer: PeerId, digest: number) => void
  /** What the core says to what another began. Throws STOPPED while it does not run. */
  readonly answer: (from: RemotePeer, request: ReturnType<typeof decodePushPull>) => PushPull
  readonly onReply: (peer: PeerId, reply: PushPull) => void
  readonly onFailure: (peer: PeerId) => void
}

const TIMEOUT_MS = 10_000

export class Exchanges {
  readonly #options: ExchangesOptions
  readonly #tasks = new Set<Promise<void>>()
  readonly #aborter = new AbortController()

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: ExchangesOptions) {
    this.#options = options
    options.mesh.handle(REQUEST_KINDS.PUSH_PULL, (from, body) => this.#onRequest(from, body))
  }

  begin(peer: PeerId, body: PushPull): void {
    const task = this.#run(peer, body).finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
  }

  /** Those under way end at once. */
  async stop(): Promise<void> {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
    await Promise.all(this.#tasks)
  }

  #onRequest(from: RemotePeer, body: Uint8Array): Uint8Array {
    const { answer, digest } = this.#options
    return encodePushPull(answer(from, decodePushPull(body)), digest())
  }

  /** Never rejects. */
  async #run(peer: PeerId, body: PushPull): Promise<void> {
    const { mesh, log, counts, digest, onDigest, onReply, onFailure } = this.#options
    try {
      const reply = await mesh.request(
        peer,
        REQUEST_KINDS.PUSH_PULL,
        encodePushPull(body, digest()),
        { timeoutMs: TIMEOUT_MS, trafficClass: 'bulk', signal: this.#aborter.signal },
      )
      const answer = decodePushPull(reply)
      onDigest(peer, answer.digest)
      onReply(peer, answer)
      counts().exchanges++
    } catch (error) {
      counts().exchangesFailed++
      log.write('debug', 'swim.exchange-failed', { peer, error: String(error) })
      onFailure(peer)
    }
  }
}
