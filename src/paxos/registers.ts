/** Registers as programs see them: `reg` of the node's interface, over operations and reader. */
import { checkedDeadline, checkedPage } from '../base/call-limits.ts'
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import { checkKey, encodeValue, type Value } from '../base/value.ts'
import type { Database, Write } from '../disk/database.ts'
import { Deadlines } from '../mesh/deadlines.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Random } from '../seams/random.ts'
import type { Membership } from '../swim/member.ts'
import { type CallTime, type Finder, KnownTopology } from '../topology/known-topology.ts'
import { Peers } from '../topology/peers.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import type {
  RegApi,
  RegCallOptions,
  RegChangeOptions,
  RegDelOptions,
  RegEvent,
  RegNumber,
  RegPage,
  RegRead,
  RegSetOptions,
  RegWritten,
} from './api.ts'
import { conditionOf, errorOf, idOf, readOf } from './calls.ts'
import { BallotClock } from './ballot-clock.ts'
import { type CallKind, RegisterCounts } from './counts.ts'
import { Electorate } from './electorate.ts'
import type { Outcome } from './fold.ts'
import { VALUE_BYTES_MAX } from './limits.ts'
import { type Inspection, Inspector } from './inspect.ts'
import type { Operation } from './operation.ts'
import { Operations, type Request } from './operations.ts'
import type { Ready } from './prepared-cache.ts'
import { placeIn } from './place.ts'
import { Places } from '../topology/places.ts'
import { Proposer } from './proposer.ts'
import { Reader } from './reader.ts'
import { decodeRegister, type Register } from './register.ts'
import { RegisterServer } from './register-server.ts'
import { Replica, type ReplicaOptions } from './replica.ts'
import { RegisterScanner } from './scan.ts'
import { updateRegister } from './update.ts'
import { Watches } from './watches.ts'
import { pointOf, revisionOf, UNSEEN, versionOf } from './version.ts'

export interface RegistersOptions {
  /** '' on an edge. */
  readonly self: StorageId
  readonly boot: number
  /** null on an edge. */
  readonly database: Database | null
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly membership: Membership
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** All registers of a partition that moves are here. */
  readonly reportInstalled: (partition: number, cfg: number) => void
  /** On an edge. */
  readonly finder?: Finder | null
}

/** Names of operations begin so; those that callers give begin otherwise (`calls.ts`). */
const OWN = 'n'
const NAME_BYTES = 5

export class Registers implements RegApi {
  readonly #options: RegistersOptions
  readonly #proposer: Proposer | null
  readonly #operations: Operations
  readonly #reader: Reader
  readonly #scanner: RegisterScanner
  readonly #watches: Watches
  readonly #inspector: Inspector
  /** null on a node without a disk. */
  readonly #server: RegisterServer | null
  readonly #deadlines: Deadlines
  readonly counts: RegisterCounts
  #isStopped = false

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: RegistersOptions) {
    this.#options = options
    this.counts = new RegisterCounts(options.log)
    const { self, boot, database, mesh, membership, clock, random } = options
    this.#deadlines = new Deadlines(clock)
    const deadlines = this.#deadlines
    const peers = new Peers(membership)
    const places = new Places(placeIn)
    const topology = new KnownTopology(options.topology, peers, clock, options.finder)
    const onAccepted: ReplicaOptions['onAccepted'] = (key, value, ballot) => {
      this.#proposer?.onVote(key, ballot)
      const revision = (): number => decodeRegister(value).revision
      this.#server?.accepted(key, revision)
      if (this.#watches.isWatched(key)) this.#watches.hint(key, revision())
    }
    const given = { onInstalled: options.reportInstalled }
    const replica =
      database === null ? null : new Replica({ ...options, database, onAccepted, ...given })
    const ballots = new BallotClock(clock)
    const electorate = new Electorate({ self, replica, mesh, peers, ballots })
    const { counts } = this
    const isStopped = (): boolean => this.#isStopped
    const found = { peers, places, topology, electorate }
    const shared = { ...options, ...found, deadlines, counts, isStopped }
    const onRival = (key: string): void => this.#operations.onRival(key)
    const onChosen = (key: string, { register }: Ready): void => this.#watches.chosen(key, register)
    this.#proposer =
      replica === null ? null : new Proposer({ ...shared, boot, ballots, onRival, onChosen })
    const name = `${OWN}${Buffer.from(random.bytes(NAME_BYTES)).toString('base64url')}`
    this.#operations = new Operations({ ...shared, name, proposer: this.#proposer })
    this.#reader = new Reader({ ...shared, propose: (key, time) => this.#proposeRead(key, time) })
    const read = (key: string, time: CallTime): Promise<Register> => this.#reader.read(key, time)
    this.#scanner = new RegisterScanner({ ...shared, states: replica?.states ?? null, read })
    this.#watches = new Watches({
      ...shared,
      isProposing: (key) => this.#proposer?.isWorkingOn(key) === true,
      topology: options.topology,
      read: (key, deadlineMs) => read(key, this.#timeOf({ deadlineMs })),
    })
    this.#inspector = new Inspector({
      ...shared,
      topology: options.topology,
      replica,
      proposer: this.#proposer,
      isContested: (key) => this.#operations.isContested(key),
    })
    this.#server =
      database === null || replica === null || this.#proposer === null
        ? null
        : new RegisterServer({
            ...shared,
            ...given,
            topology: options.topology,
            known: topology,
            database,
            replica,
            proposer: this.#proposer,
          })
  }

  /** For `beforeLearn` of the topology: what it makes of the registers here. */
  readonly onLearn = (_previous: Topology | null, next: Topology): readonly Write[] =>
    this.#server?.onLearn(next) ?? []

  /** After mesh and membership. */
  start(): void {
    this.#server?.start()
  }

  /** Calls that come later are refused; those that wait for replicas end soon. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#watches.stop()
    this.#proposer?.stop()
    await this.#server?.stop()
    this.#deadlines.stop()
  }

  async get(key: string, options: RegCallOptions = {}): Promise<RegRead | null> {
    this.#check(key)
    return this.#during('get', async () => {
      const register = await this.#reader.read(key, this.#timeOf(options))
      this.#operations.saw(key, register.revision)
      return readOf(key, register)
    })
  }

  async set(key: string, value: Value, options: RegSetOptions = {}): Promise<RegWritten> {
    this.#check(key)
    const { kind, bytes } = encodeValue(value, VALUE_BYTES_MAX)
    const condition = conditionOf(options)
    const operation = { kind: 'set', condition, valueKind: kind, value: bytes } as const
    return this.#during('set', () => this.#change(key, operation, options))
  }

  async cas(key: string, value: Value, options: RegSetOptions): Promise<RegWritten> {
    if (options.ifVersion === undefined && options.ifAbsent !== true) {
      throw new AtollError('USAGE', 'cas needs ifVersion or ifAbsent')
    }
    return this.set(key, value, options)
  }

  async del(key: string, options: RegDelOptions = {}): Promise<RegWritten> {
    this.#check(key)
    const operation = { kind: 'delete', condition: conditionOf(options) } as const
    return this.#during('del', () => this.#change(key, operation, options))
  }

  async incr(key: string, by = 1, options: RegChangeOptions = {}): Promise<RegNumber> {
    this.#check(key)
    if (!Number.isSafeInteger(by)) throw new AtollError('USAGE', 'by is a whole number')
    return this.#during('incr', async () => {
      const outcome = await this.#run(key, { kind: 'add', by }, options)
      if (outcome.kind !== 'changed' || outcome.number === null) throw errorOf(key, outcome)
      return { key, value: outcome.number, version: versionOf(outcome.revision) }
    })
  }

  async update(
    key: string,
    change: (value: Value | null) => Value | undefined | Promise<Value | undefined>,
    options: RegCallOptions = {},
  ): Promise<RegRead | null> {
    this.#timeOf(options)
    const nowMs = (): number => this.#options.clock.monotonicMs()
    return updateRegister(this, nowMs, key, change, options)
  }

  async ls(
    prefix: string,
    options: RegCallOptions & { readonly after?: string; readonly limit?: number } = {},
  ): Promise<RegPage> {
    this.#checkOpen()
    const { after, limit } = checkedPage(prefix, options)
    return this.#during('ls', async () => {
      const page = await this.#scanner.page(prefix, after, limit, this.#timeOf(options))
      const entries = page.entries.flatMap(([key, register]) => readOf(key, register) ?? [])
      return { entries, next: page.next }
    })
  }

  watch(
    key: string,
    options: { readonly after?: string; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<RegEvent> {
    this.#check(key)
    const after = options.after === undefined ? UNSEEN : pointOf(options.after)
    return this.#watches.watch(key, after, options.signal)
  }

  /** What each replica holds, and what a change would do now. */
  async inspect(key: string, deadlineMs: number): Promise<Inspection> {
    this.#check(key)
    return this.#inspector.inspect(key, deadlineMs)
  }

  /** Operations that wait for a ballot here. */
  get waiting(): number {
    return this.#proposer?.waiting ?? 0
  }

  get watchedKeys(): number {
    return this.#watches.size
  }

  #during<T extends object | null>(call: CallKind, run: () => Promise<T>): Promise<T> {
    return this.counts.calls[call].during(this.#options.clock, run)
  }

  async #change(key: string, operation: Operation, options: RegChangeOptions): Promise<RegWritten> {
    const outcome = await this.#run(key, operation, options)
    if (outcome.kind === 'changed') return { key, version: versionOf(outcome.revision) }
    if (outcome.kind === 'kept' && outcome.reason === 'read') return { key, version: '' }
    throw errorOf(key, outcome)
  }

  async #run(key: string, operation: Operation, options: RegChangeOptions): Promise<Outcome> {
    const request: Request = {
      operation,
      id: idOf(options),
      since: options.since === undefined ? null : revisionOf(options.since),
    }
    return this.#operations.run(key, request, this.#timeOf(options))
  }

  async #proposeRead(key: string, time: CallTime): Promise<Register> {
    const request: Request = { operation: { kind: 'read' }, id: null, since: null }
    const outcome = await this.#operations.run(key, request, time)
    if (outcome.kind === 'kept') return outcome.register
    throw errorOf(key, outcome)
  }

  #check(key: string): void {
    this.#checkOpen()
    checkKey(key)
  }

  #checkOpen(): void {
    if (this.#isStopped) throw new AtollError('STOPPED', 'the node is stopping')
  }

  #timeOf({ deadlineMs, signal }: RegCallOptions): CallTime {
    return { endMs: this.#options.clock.monotonicMs() + checkedDeadline(deadlineMs), signal }
  }
}
