/** The store as programs see it: `kv` of the node's interface, over reader, writer and scanner. */
import { checkedPage } from '../base/call-limits.ts'
import { AtollError } from '../base/errors.ts'
import { checkKey } from '../base/value.ts'
import type { StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import { Deadlines } from '../mesh/deadlines.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type {
  KvApi,
  KvEvent,
  KvCounterApi,
  KvGetOptions,
  KvLsOptions,
  KvPage,
  KvPutOptions,
  KvPutWritten,
  KvRead,
  KvValueWritten,
  KvWatchOptions,
  KvSetApi,
  KvSiblings,
  KvValue,
  KvWriteOptions,
} from './api.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Random } from '../seams/random.ts'
import type { Membership } from '../swim/member.ts'
import type { TopologyView } from '../topology/topology.ts'
import { knownOf, nobodyHasIt } from './absence.ts'
import { REPLACED } from './apply-edit.ts'
import { ContextCache } from './context-cache.ts'
import { contextOf, limitsOf } from './call-options.ts'
import type { CallLimits } from './calls.ts'
import { type Operation, StoreCounts } from './counts.ts'
import { DotSource } from './dot-source.ts'
import type { Edit } from './edit.ts'
import { DELETION, putOf } from './edit-of.ts'
import { Forwarder } from './forwarder.ts'
import { type HeldVersion, heldVersions } from './held.ts'
import { HybridClock } from './hybrid-clock.ts'
import { Holdings } from './holdings.ts'
import type { Amounts } from './inventory.ts'
import { SCAN_ENTRIES_MAX } from './limits.ts'
import { NearCache } from './near-cache.ts'
import { type Finder, KnownTopology } from '../topology/known-topology.ts'
import type { WriteOutcome } from './messages.ts'
import { placeIn } from './place.ts'
import { Places } from '../topology/places.ts'
import { Peers } from '../topology/peers.ts'
import { Reader } from './reader.ts'
import { sourceOf } from './scan/scan-answers.ts'
import { Scanner } from './scan/scanner.ts'
import { foundOf, type Looked, readOf, shownOf, siblingsOf } from './shown.ts'
import type { TreeLevels } from './sync/hash-trees.ts'
import { Watching } from './watch/watching.ts'
import { counterOf, setOf, type TypedCalls } from './typed.ts'
import { contextText } from './version-vector.ts'
import type { Write } from './write.ts'
import { Writer } from './writer.ts'

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

export class KvStore implements KvApi {
  readonly counter: KvCounterApi
  readonly set: KvSetApi
  readonly counts = new StoreCounts()
  /** null on an edge. */
  readonly trees: TreeLevels | null
  readonly watching: Watching
  readonly #options: KvStoreOptions
  readonly #reader: Reader
  readonly #writer: { write(write: Write, limits: CallLimits): Promise<WriteOutcome> }
  readonly #scanner: Scanner
  /** null on an edge. */
  readonly #holdings: Holdings | null
  readonly #contexts = new ContextCache()
  readonly #near: NearCache
  readonly #deadlines: Deadlines
  #isStopped = false

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: KvStoreOptions) {
    const { membership, clock } = options
    this.#options = options
    const typed: TypedCalls = {
      write: (operation, key, edit, given) => this.#write(operation, key, edit, given),
      look: (key, given) => this.#look(key, given),
    }
    this.counter = counterOf(typed)
    this.set = setOf(typed)
    const { counts } = this
    const peers = new Peers(membership)
    const topology = new KnownTopology(options.topology, peers, clock, options.finder)
    const hybridClock = new HybridClock(clock)
    const onMissed = (partition: number, id: StorageId): void => {
      counts.replicasMissed++
      this.#holdings?.want(id, [partition])
    }
    this.#deadlines = new Deadlines(clock)
    const deadlines = this.#deadlines
    const places = new Places(placeIn)
    const shared = { ...options, deadlines, topology, peers, places, hybridClock, onMissed, counts }
    const forwarder = new Forwarder(shared)
    const source = sourceOf(options)
    this.#scanner = new Scanner({ ...shared, source })
    const read: Reader['get'] = (key, limits) => this.#reader.get(key, limits)
    this.#near = new NearCache({ clock, read, counts: counts.nearCache })
    this.watching = new Watching({
      ...shared,
      topology: options.topology,
      known: topology,
      read: async (key) => knownOf(key, await read(key, limitsOf({}))),
      root: (partition) => source?.trees.root(partition) ?? null,
      sweptMs: () => this.#holdings?.sweptMs ?? 0,
      counts: counts.watches,
    })
    if (source === null) {
      this.#holdings = null
      this.trees = null
      this.#reader = new Reader({ ...shared, replica: null })
      this.#writer = forwarder
      return
    }
    const { database, trees } = source
    this.trees = trees
    const { watching } = this
    const local = { ...options, database, trees, peers, hybridClock, counts, watching }
    const holdings = new Holdings(local)
    this.#holdings = holdings
    const { replica, departures } = holdings
    const dots = new DotSource(database)
    const reader = new Reader({ ...shared, replica })
    this.#reader = reader
    this.#writer = new Writer({ ...shared, replica, reader, departures, dots, forwarder })
  }

  /** After mesh and membership. */
  async start(): Promise<void> {
    await this.#holdings?.start()
  }

  /** Calls that come later are refused. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#deadlines.stop()
    this.watching.stop()
    await this.#holdings?.stop()
  }

  /** What is on this disk; null until it has been counted, and on an edge. */
  get held(): Amounts | null {
    return this.#holdings?.held ?? null
  }

  /** Whether nothing is here any more but what this disk is a replica of. */
  async hasLetGo(): Promise<boolean> {
    return (await this.#holdings?.hasLetGo()) ?? true
  }

  /** Comparisons with other replicas that are still to be made. */
  get syncBacklog(): number {
    return this.#holdings?.syncBacklog ?? 0
  }

  get nearCacheBytes(): number {
    return this.#near.bytes
  }

  async put(key: string, value: KvValue, options: KvPutOptions = {}): Promise<KvPutWritten> {
    const edit = () => putOf(value, options)
    const { effect, ...written } = await this.#write('put', key, edit, options)
    // Of a put with a type the effect is what that type counts.
    const replaced = options.type === undefined ? REPLACED[effect] : null
    return replaced ? { ...written, replaced } : written
  }

  async del(key: string, options: KvWriteOptions = {}): Promise<KvValueWritten> {
    const { effect: _, ...written } = await this.#write('del', key, () => DELETION, options)
    return written
  }

  async #write(
    operation: Operation,
    key: string,
    edit: () => Edit,
    options: KvWriteOptions,
  ): Promise<KvValueWritten & { readonly effect: number }> {
    return this.#during(operation, async () => {
      this.#checkOpen()
      checkKey(key)
      const given = options.context === undefined ? null : contextOf(options.context, key)
      // A context that the caller gives is all that the caller saw.
      const context = given ?? this.#contexts.get(key)
      const write = { key, edit: edit(), context, blind: given === null }
      const limits = limitsOf(options, options.write)
      const { seen, ...outcome } = await this.#writer
        .write(write, limits)
        .finally(() => this.#near.forget(key))
      this.#contexts.saw(key, seen)
      return { key, context: contextText(seen, key), ...outcome }
    })
  }

  async get(key: string, options: KvGetOptions = {}): Promise<KvRead | null> {
    return readOf(await this.#look(key, options))
  }

  async siblings(key: string, options: KvGetOptions = {}): Promise<KvSiblings> {
    return siblingsOf(await this.#look(key, options))
  }

  async #look(key: string, options: KvGetOptions): Promise<Looked> {
    return this.#during('get', async () => {
      this.#checkOpen()
      checkKey(key)
      const limits = limitsOf(options, options.read)
      const { outcome, ageMs } = await this.#near.get(key, options.maxAgeMs, limits)
      const { record, acks, replicas, partial } = outcome
      if (record.known.vector.size > 0) this.#contexts.saw(key, record.known)
      const shown = shownOf(record, this.#options.clock.wallMs())
      // Nothing says that there is no value; too few have looked to say so.
      if (shown.length === 0 && partial) throw nobodyHasIt(key, outcome)
      return { key, shown, context: contextText(record.known, key), acks, replicas, partial, ageMs }
    })
  }

  async ls(prefix: string, options: KvLsOptions = {}): Promise<KvPage> {
    return this.#during('ls', () => this.#ls(prefix, options))
  }

  async #ls(prefix: string, options: KvLsOptions): Promise<KvPage> {
    this.#checkOpen()
    const { after, limit } = checkedPage(prefix, options, SCAN_ENTRIES_MAX)
    const limits = limitsOf(options)
    const page = await this.#scanner.page(prefix, after, limit, limits)
    const nowMs = this.#options.clock.wallMs()
    const entries = page.entries.flatMap(([key, record]) => {
      const shown = shownOf(record, nowMs)
      const [first] = shown
      return first === undefined ? [] : [{ key, ...foundOf(first), siblingCount: shown.length }]
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
    const records = await this.#reader.inspect(key, deadlineMs)
    return heldVersions(key, records, this.#options.clock.wallMs())
  }

  #during<T extends { readonly partial: boolean } | null>(
    operation: Operation,
    run: () => Promise<T>,
  ): Promise<T> {
    return this.counts.operations[operation].during(this.#options.clock, run)
  }

  #checkOpen(): void {
    if (this.#isStopped) throw new AtollError('STOPPED', 'the node is stopping')
  }
}
