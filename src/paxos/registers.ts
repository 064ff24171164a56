/** Registers as programs see them: `reg` of the node's interface, over operations and reader. */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import { checkKey, decodeValue, encodeValue, type Value } from '../base/value.ts'
import type { Database, Write } from '../disk/database.ts'
import { Deadlines } from '../mesh/deadlines.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Random } from '../seams/random.ts'
import type { Membership } from '../swim/member.ts'
import { type CallTime, KnownTopology } from '../topology/known-topology.ts'
import { Peers } from '../topology/peers.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import { AcceptorServer } from './acceptor-server.ts'
import type {
  RegApi,
  RegCallOptions,
  RegChangeOptions,
  RegDelOptions,
  RegNumber,
  RegRead,
  RegSetOptions,
  RegWritten,
} from './api.ts'
import { BallotClock } from './ballot-clock.ts'
import { Electorate } from './electorate.ts'
import type { Outcome } from './fold.ts'
import {
  DEADLINE_MS_MAX,
  DEFAULT_DEADLINE_MS,
  KEY_BYTES_MAX,
  OP_ID_BYTES_MAX,
  VALUE_BYTES_MAX,
} from './limits.ts'
import { Movement } from './movement.ts'
import type { Condition, Operation } from './operation.ts'
import { Operations, type Request } from './operations.ts'
import { Proposer } from './proposer.ts'
import { Reader } from './reader.ts'
import type { Register } from './register.ts'
import { Replica } from './replica.ts'
import { updateRegister } from './update.ts'
import { revisionOf, versionOf } from './version.ts'

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
}

/** Of operations' names; the caller's begin with another letter than this node's. */
const OWN = 'n'
const CALLERS = 'c'
const NAME_BYTES = 5

export class Registers implements RegApi {
  readonly #options: RegistersOptions
  readonly #replica: Replica | null
  readonly #proposer: Proposer | null
  readonly #operations: Operations
  readonly #reader: Reader
  readonly #movement: Movement | null
  readonly #deadlines: Deadlines
  #unsubscribe: (() => void) | null = null
  #isStopped = false

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: RegistersOptions) {
    this.#options = options
    const { self, boot, database, mesh, membership, clock, random, reportInstalled } = options
    this.#deadlines = new Deadlines(clock)
    const deadlines = this.#deadlines
    const peers = new Peers(membership)
    const topology = new KnownTopology(options.topology, peers, clock)
    const onInstalled = reportInstalled
    const onAccepted = (): void => {}
    this.#replica =
      database === null ? null : new Replica({ ...options, database, onAccepted, onInstalled })
    const replica = this.#replica
    const electorate = new Electorate({ self, replica, mesh, peers })
    const shared = { ...options, electorate, topology, peers, deadlines }
    const ballots = new BallotClock(clock)
    const onRival = (key: string): void => this.#operations.onRival(key)
    const onChosen = (): void => {}
    this.#proposer =
      replica === null ? null : new Proposer({ ...shared, boot, ballots, onRival, onChosen })
    const name = `${OWN}${Buffer.from(random.bytes(NAME_BYTES)).toString('base64url')}`
    this.#operations = new Operations({ ...shared, name, proposer: this.#proposer })
    this.#reader = new Reader({ ...shared, propose: (key, time) => this.#proposeRead(key, time) })
    this.#movement = null
    if (replica === null || this.#proposer === null) return
    new AcceptorServer({ mesh, replica, topology: options.topology, peers })
    const parts = { ...options, replica, electorate, proposer: this.#proposer, onInstalled }
    this.#movement = new Movement(parts)
    // Whatever the topology changes here is shown together with it.
    const { states } = replica
    this.#unsubscribe = options.topology.subscribe(() => states.onLearned())
  }

  /** For `beforeLearn` of the topology: what it makes of the registers here. */
  readonly onLearn = (_previous: Topology | null, next: Topology): readonly Write[] =>
    this.#replica?.states.onLearn(next) ?? []

  /** After mesh and membership. */
  start(): void {
    this.#movement?.start()
  }

  /** Calls that come later are refused. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#unsubscribe?.()
    this.#proposer?.stop()
    await this.#movement?.stop()
    this.#deadlines.stop()
    await this.#replica?.settled()
  }

  async get(key: string, options: RegCallOptions = {}): Promise<RegRead | null> {
    this.#check(key)
    const register = await this.#reader.read(key, this.#timeOf(options))
    this.#operations.saw(key, register.revision)
    return readOf(key, register)
  }

  async set(key: string, value: Value, options: RegSetOptions = {}): Promise<RegWritten> {
    this.#check(key)
    const { kind, bytes } = encodeValue(value, VALUE_BYTES_MAX)
    const condition = conditionOf(options)
    const operation = { kind: 'set', condition, valueKind: kind, value: bytes } as const
    return this.#change(key, operation, options)
  }

  async cas(key: string, value: Value, options: RegSetOptions): Promise<RegWritten> {
    if (options.ifVersion === undefined && options.ifAbsent !== true) {
      throw new AtollError('USAGE', 'cas needs ifVersion or ifAbsent')
    }
    return this.set(key, value, options)
  }

  async del(key: string, options: RegDelOptions = {}): Promise<RegWritten> {
    this.#check(key)
    return this.#change(key, { kind: 'delete', condition: conditionOf(options) }, options)
  }

  async incr(key: string, by = 1, options: RegChangeOptions = {}): Promise<RegNumber> {
    this.#check(key)
    if (!Number.isSafeInteger(by)) throw new AtollError('USAGE', 'by is a whole number')
    const outcome = await this.#run(key, { kind: 'add', by }, options)
    if (outcome.kind === 'changed' && outcome.number !== null) {
      return { key, value: outcome.number, version: versionOf(outcome.revision) }
    }
    throw errorOf(key, outcome)
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

  async ls(): Promise<never> {
    throw new AtollError('UNSUPPORTED', 'later')
  }

  watch(): never {
    throw new AtollError('UNSUPPORTED', 'later')
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
    if (this.#isStopped) throw new AtollError('STOPPED', 'the node is stopping')
    checkKey(key, KEY_BYTES_MAX)
  }

  #timeOf({ deadlineMs = DEFAULT_DEADLINE_MS, signal }: RegCallOptions): CallTime {
    if (!(deadlineMs > 0 && deadlineMs <= DEADLINE_MS_MAX)) {
      throw new AtollError('USAGE', `deadlineMs is over 0 and at most ${DEADLINE_MS_MAX}`)
    }
    return { endMs: this.#options.clock.monotonicMs() + deadlineMs, signal }
  }
}

function readOf(key: string, { kind, value, revision }: Register): RegRead | null {
  if (kind === 'absent') return null
  return { key, value: decodeValue(kind, value), version: versionOf(revision) }
}

function conditionOf({ ifVersion, ifAbsent }: RegSetOptions): Condition {
  if (ifVersion === undefined) return ifAbsent === true ? { revision: 0 } : null
  if (ifAbsent === true) throw new AtollError('USAGE', 'ifVersion and ifAbsent exclude each other')
  return { revision: revisionOf(ifVersion) }
}

function idOf({ opId }: RegChangeOptions): string | null {
  if (opId === undefined) return null
  const id = CALLERS + opId
  const isGood = opId !== '' && opId.isWellFormed() && Buffer.byteLength(id) <= OP_ID_BYTES_MAX
  if (isGood) return id
  throw new AtollError('USAGE', `opId has 1 to ${OP_ID_BYTES_MAX - 1} bytes`)
}

function errorOf(key: string, outcome: Outcome): AtollError {
  if (outcome.kind === 'kept') {
    if (outcome.reason === 'not-a-number') {
      return new AtollError('CONFLICT', `"${key}" holds no whole number`)
    }
    if (outcome.reason === 'overflow') {
      return new AtollError('CONFLICT', `"${key}" would leave 53 bits`)
    }
    const { kind, revision } = outcome.register
    const what =
      kind === 'absent' ? 'there is no value' : `current version is ${versionOf(revision)}`
    const version = kind === 'absent' ? '' : versionOf(revision)
    return new AtollError('CONFLICT', what, { version })
  }
  return new AtollError('TIMEOUT', `"${key}" changed too often to tell what became of the call`, {
    outcome: 'unknown',
    hint: 'read the register, then decide',
  })
}
