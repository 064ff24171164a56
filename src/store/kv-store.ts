/** The store as programs see it: `kv` of the node's interface, over reader, writer and scanner. */
import { checkedDeadline, checkedPage } from '../base/call-limits.ts'
import { AtollError } from '../base/errors.ts'
import { checkKey, decodeValue, encodeValue } from '../base/value.ts'
import type { StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import { Deadlines } from '../mesh/deadlines.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type {
  CallOptions,
  KvApi,
  KvEvent,
  KvGetOptions,
  KvPage,
  KvPutOptions,
  KvRead,
  KvWatchOptions,
  KvWritten,
  Value,
} from './api.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Random } from '../seams/random.ts'
import type { Membership } from '../swim/member.ts'
import type { TopologyView } from '../topology/topology.ts'
import { WireError } from '../wire/codec.ts'
import { ContextCache } from './context-cache.ts'
import { type CallLimits, isLevel } from './calls.ts'
import { type Operation, StoreCounts } from './counts.ts'
import type { Change } from './change.ts'
import { Departures } from './departures.ts'
import { DotSource } from './dot-source.ts'
import { Forwarder } from './forwarder.ts'
import { HybridClock } from './hybrid-clock.ts'
import { type Growth, Inventory } from './inventory.ts'
import { SCAN_ENTRIES_MAX, VALUE_BYTES_MAX } from './limits.ts'
import { NearCache } from './near-cache.ts'
import { type Finder, KnownTopology } from '../topology/known-topology.ts'
import type { PutOutcome } from './messages.ts'
import { Places } from './places.ts'
import { Peers } from '../topology/peers.ts'
import { type StoreRecord, visibleSiblings } from './record.ts'
import { type ReadOutcome, Reader } from './reader.ts'
import { Replica } from './replica.ts'
import { Scanner } from './scan/scanner.ts'
import { AntiEntropy } from './sync/anti-entropy.ts'
import { Fingerprints } from './sync/fingerprints.ts'
import { SyncServer } from './sync/sync-server.ts'
import { Watching } from './watch/watching.ts'
import { type Context, contextOfVersion, versionText } from './version-vector.ts'
import { type Put, Writer } from './writer.ts'

export interface KvStoreOptions {
  /** '' on an edge. */
  readonly self: StorageId
  /** null on an edge. */
  readonly database: Database | null
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly membership: Membership
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly reportInstalled: (partition: number, cfg: number) => void
  readonly reportEmptied: (partition: number, cfg: number) => void
  /** On an edge. */
  readonly finder?: Finder | null
}

/** What a replica holds of a key. */
export interface HeldVersion {
  /** '' when it knows of no write. */
  readonly version: string
  /** 0 with a version: deleted. Over 1: siblings. */
  readonly values: number
}

export class KvStore implements KvApi {
  readonly counts = new StoreCounts()
  readonly #options: KvStoreOptions
  readonly #reader: Reader
  readonly #writer: { put(put: Put, limits: CallLimits): Promise<PutOutcome> }
  readonly #scanner: Scanner
  readonly #antiEntropy: AntiEntropy | null
  readonly #contexts = new ContextCache()
  readonly #near: NearCache
  readonly #deadlines: Deadlines
  readonly #inventory = new Inventory()
  readonly watching: Watching
  /** Aborts the counting of what an earlier run left. */
  readonly #aborter = new AbortController()
  #counting: Promise<void> | null = null
  #stopped = false

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: KvStoreOptions) {
    const { database, self, mesh, membership, clock } = options
    this.#options = options
    const { counts } = this
    const inventory = this.#inventory
    const peers = new Peers(membership)
    const topology = new KnownTopology(options.topology, peers, clock, options.finder)
    const hybridClock = new HybridClock(clock)
    const onMissed = (partition: number, id: StorageId): void => {
      counts.replicasMissed++
      this.#antiEntropy?.want(id, [partition])
    }
    this.#deadlines = new Deadlines(clock)
    const deadlines = this.#deadlines
    const places = new Places()
    const shared = { ...options, deadlines, topology, peers, places, hybridClock, onMissed, counts }
    const forwarder = new Forwarder(shared)
    this.#scanner = new Scanner({ ...shared, database })
    const read: Reader['get'] = (key, limits) => this.#reader.get(key, limits)
    this.#near = new NearCache({ clock, read, counts: counts.nearCache })
    this.watching = new Watching({
      ...shared,
      topology: options.topology,
      known: topology,
      read: async (key) => (await read(key, limitsOf({}))).record,
      counts: counts.watches,
    })
    if (database === null) {
      this.#antiEntropy = null
      this.#reader = new Reader({ ...shared, replica: null })
      this.#writer = forwarder
      return
    }
    const fingerprints = new Fingerprints(database)
    const onChange = (change: Change): void => {
      inventory.changed(change)
      this.#antiEntropy?.changed(change)
      this.watching.changed(change)
    }
    const replica = new Replica({ ...options, database, hybridClock, onChange })
    new SyncServer({ self, database, replica, fingerprints, mesh, topology: options.topology })
    const departures = new Departures(database, self)
    const parts = { ...options, database, departures, replica, fingerprints, peers, counts }
    this.#antiEntropy = new AntiEntropy({ ...parts, onChange })
    const dots = new DotSource(database, self)
    this.#reader = new Reader({ ...shared, replica })
    this.#writer = new Writer({ ...shared, replica, departures, dots, forwarder })
  }

  /** After mesh and membership. */
  async start(): Promise<void> {
    const { database, clock } = this.#options
    await this.#antiEntropy?.start()
    if (database === null || this.#stopped) return
    const counting = this.#inventory.count(database, clock, this.#aborter.signal)
    // A disk that failed is told of by those who need more of it than a number.
    this.#counting = counting.catch(() => undefined)
  }

  /** Calls that come later are refused. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#aborter.abort()
    this.#deadlines.stop()
    this.watching.stop()
    await this.#antiEntropy?.stop()
    await this.#counting
  }

  /** What is on this disk; null until it has been counted, and on an edge. */
  get held(): Growth | null {
    return this.#inventory.held
  }

  /** Comparisons with other replicas that are still to be made. */
  get syncBacklog(): number {
    return this.#antiEntropy?.backlog ?? 0
  }

  get nearCacheBytes(): number {
    return this.#near.bytes
  }

  async put(key: string, value: Value, options: KvPutOptions = {}): Promise<KvWritten> {
    return this.#during('put', () => {
      const { kind, bytes } = encodeValue(value, VALUE_BYTES_MAX)
      return this.#write({ key, kind, value: bytes }, options)
    })
  }

  async del(key: string, options: KvPutOptions = {}): Promise<KvWritten> {
    const write = { key, kind: 'tombstone', value: new Uint8Array() } as const
    return this.#during('del', () => this.#write(write, options))
  }

  async #write(write: Omit<Put, 'context' | 'blind'>, options: KvPutOptions): Promise<KvWritten> {
    const { key } = write
    this.#checkOpen()
    checkKey(key)
    const given = options.context === undefined ? null : contextOf(options.context)
    // A version that the caller gives is all that the caller saw.
    const context = given ?? this.#contexts.get(key)
    const put = { ...write, context, blind: given === null }
    const limits = limitsOf(options, options.write)
    const { seen, acks, replicas, partial } = await this.#writer
      .put(put, limits)
      .finally(() => this.#near.forget(key))
    this.#contexts.saw(key, seen)
    return { key, version: versionText(seen), acks, replicas, partial }
  }

  async get(key: string, options: KvGetOptions = {}): Promise<KvRead | null> {
    return this.#during('get', () => this.#get(key, options))
  }

  async #get(key: string, options: KvGetOptions): Promise<KvRead | null> {
    this.#checkOpen()
    checkKey(key)
    const limits = limitsOf(options, options.read)
    const { outcome, ageMs } = await this.#near.get(key, options.maxAgeMs, limits)
    const { record, acks, replicas, partial } = outcome
    if (record.known.vector.size > 0) this.#contexts.saw(key, record.known)
    const [newest, ...others] = visibleSiblings(record, this.#options.clock.wallMs())
    if (newest === undefined) {
      // Null says that there is no value; too few have looked to say so.
      if (partial) throw nobodyHasIt(key, outcome)
      return null
    }
    const siblings = others.map(({ kind, value }) => decodeValue(kind, value))
    const version = versionText(record.known)
    return {
      key,
      value: decodeValue(newest.kind, newest.value),
      version,
      acks,
      replicas,
      siblings,
      partial,
      ...(ageMs !== null && { ageMs }),
    }
  }

  async ls(
    prefix: string,
    options: CallOptions & { readonly after?: string; readonly limit?: number } = {},
  ): Promise<KvPage> {
    return this.#during('ls', () => this.#ls(prefix, options))
  }

  async #ls(
    prefix: string,
    options: CallOptions & { readonly after?: string; readonly limit?: number },
  ): Promise<KvPage> {
    this.#checkOpen()
    const { after, limit } = checkedPage(prefix, options, SCAN_ENTRIES_MAX)
    const limits = limitsOf(options)
    const page = await this.#scanner.page(prefix, after, limit, limits)
    const entries = page.entries.flatMap(([key, record]) => {
      const [newest, ...others] = visibleSiblings(record, this.#options.clock.wallMs())
      if (newest === undefined) return []
      return [{ key, value: decodeValue(newest.kind, newest.value), siblings: others.length }]
    })
    return { entries, next: page.next, partial: page.partial }
  }

  watch(prefix: string, options: KvWatchOptions = {}): AsyncIterable<KvEvent> {
    return this.watching.watches.watch(prefix, options)
  }

  /** What each replica holds of a key. Absent: it did not answer. */
  async inspect(key: string, deadlineMs: number): Promise<ReadonlyMap<StorageId, HeldVersion>> {
    this.#checkOpen()
    checkKey(key)
    const held: ReadonlyMap<StorageId, StoreRecord> = await this.#reader.inspect(key, deadlineMs)
    return new Map(
      [...held].map(([id, record]) => {
        const version = record.known.vector.size === 0 ? '' : versionText(record.known)
        return [
          id,
          { version, values: visibleSiblings(record, this.#options.clock.wallMs()).length },
        ]
      }),
    )
  }

  #during<T extends { readonly partial: boolean } | null>(
    operation: Operation,
    run: () => Promise<T>,
  ): Promise<T> {
    return this.counts.operations[operation].during(this.#options.clock, run)
  }

  #checkOpen(): void {
    if (this.#stopped) throw new AtollError('STOPPED', 'the node is stopping')
  }
}

function nobodyHasIt(key: string, { acks, replicas, moving }: ReadOutcome): AtollError {
  const who = `${acks} of ${replicas} replicas of "${key}" answered, and none has a value`
  const what = moving ? `${who}; too few of the set that its data moves from did` : who
  return new AtollError('NO_QUORUM', what, { hint: `see: atoll explain ${key}` })
}

function limitsOf(options: CallOptions, level?: CallLimits['level']): CallLimits {
  const deadlineMs = checkedDeadline(options.deadlineMs)
  if (!isLevel(level)) {
    throw new AtollError('USAGE', `"${String(level)}" is no level: one, quorum or all`)
  }
  return { level, deadlineMs, signal: options.signal }
}

function contextOf(version: string): Context {
  try {
    return contextOfVersion(version)
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause
    throw new AtollError('USAGE', `"${version.slice(0, 40)}" is no version`, {
      hint: 'give back the version that a read or write returned, unchanged',
    })
  }
}
