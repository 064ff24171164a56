/**
 * Watching the store: `kv.watch` of one node. All readers of a prefix share one stream; one that
 * goes on from a cursor has a stream of its own.
 */
import { DEFAULT_DEADLINE_MS } from '../../base/call-limits.ts'
import { AtollError } from '../../base/errors.ts'
import { checkKey } from '../../base/value.ts'
import type { KvEvent, KvWatchOptions } from '../api.ts'
import { STREAMS_MAX, WATCHERS_MAX } from '../limits.ts'
import type { KnownTopology } from '../../topology/known-topology.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Membership } from '../../swim/member.ts'
import { cursorOf } from './cursor.ts'
import { EventBuffer } from './event-buffer.ts'
import { Holders } from './holders.ts'
import { Stream, type StreamParts } from './stream.ts'

export interface WatchesOptions extends StreamParts {
  readonly known: KnownTopology
  readonly membership: Membership
}

export class Watches {
  readonly #options: WatchesOptions
  /** Those that began without a cursor, by prefix. */
  readonly #shared = new Map<string, Stream>()
  /** All; at most STREAMS_MAX. */
  readonly #streams = new Set<Stream>()
  #readers = 0
  #numbers = 0
  /** Of the last topology that was looked at: one for all streams. */
  #holders: Holders | null = null
  #isStopped = false
  readonly #unsubscribe: readonly (() => void)[]

  constructor(options: WatchesOptions) {
    this.#options = options
    this.#unsubscribe = [
      options.topology.subscribe((next) => {
        for (const stream of this.#streams) stream.onHolders(this.#holdersIn(next))
      }),
      options.membership.subscribe(({ kind, member }) => {
        if (kind !== 'alive' && kind !== 'join') return
        for (const stream of this.#streams) stream.wake(member.storageId)
      }),
    ]
  }

  /** Readers of watches here. */
  get readers(): number {
    return this.#readers
  }

  get streams(): number {
    return this.#streams.size
  }

  stop(): void {
    this.#isStopped = true
    for (const end of this.#unsubscribe) end()
    for (const stream of this.#streams) stream.stop(null)
    this.#streams.clear()
    this.#shared.clear()
  }

  /** Ends when the signal aborts or the node stops. Throws BUSY, NO_QUORUM, USAGE. */
  async *watch(
    prefix: string,
    { after, signal }: KvWatchOptions,
  ): AsyncGenerator<KvEvent, void, undefined> {
    if (prefix !== '') checkKey(prefix)
    const { known, clock } = this.#options
    if (known.isLost) {
      await known.reach(prefix, { endMs: clock.monotonicMs() + DEFAULT_DEADLINE_MS, signal })
    }
    if (this.#isStopped) throw new AtollError('STOPPED', 'the node is stopping')
    if (signal?.aborted === true) return
    const stream = this.#streamOf(prefix, after)
    const buffer = new EventBuffer((events) => {
      this.#options.counts.dropped += events
    })
    this.#readers++
    stream.enter(buffer)
    let isOver = false
    const onAbort = (): void => {
      isOver = true
      buffer.end(null)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      for await (const event of buffer) {
        if (isOver) return
        yield event
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      stream.leave(buffer)
      this.#readers--
      if (stream.isUnread) this.#end(prefix, stream)
    }
  }

  #streamOf(prefix: string, after: string | undefined): Stream {
    const cursor = after === undefined ? null : cursorOf(after)
    const known = cursor === null ? this.#shared.get(prefix) : undefined
    const isFull = known === undefined && this.#streams.size >= STREAMS_MAX
    if (isFull || this.#readers >= WATCHERS_MAX) {
      throw new AtollError('BUSY', 'too many watches on this node', { hint: 'end some first' })
    }
    if (known !== undefined) return known
    const first = this.#holdersIn(this.#options.known.get())
    const number = ++this.#numbers
    const stream = new Stream({ ...this.#options, number, prefix, after: cursor, first })
    this.#streams.add(stream)
    if (cursor === null) this.#shared.set(prefix, stream)
    return stream
  }

  #holdersIn(topology: Topology): Holders {
    if (this.#holders?.topology === topology) return this.#holders
    this.#holders = new Holders(topology)
    return this.#holders
  }

  #end(prefix: string, stream: Stream): void {
    stream.stop(null)
    this.#streams.delete(stream)
    if (this.#shared.get(prefix) === stream) this.#shared.delete(prefix)
  }
}
