/**
 * A node in memory: what the tests of socket and command line talk to. Its answers are right in
 * shape and obviously made; calls can be held, failed and counted.
 */
import { AtollError } from '../../src/base/errors.ts'
import type {
  CallOptions,
  Diagnosis,
  Explanation,
  KvEvent,
  KvLsOptions,
  KvPage,
  LogOptions,
  LogSettings,
  Severity,
  Timeline,
  TimelineOptions,
  KvFound,
  KvPutOptions,
  KvPutWritten,
  KvRead,
  KvWatchOptions,
  KvSiblings,
  KvValue,
  KvValueWritten,
  MemberChange,
  MemberInfo,
  MetricFamily,
  NodeApi,
  Status,
  MemberRemoved,
  TopologyInfo,
  TopologyMoved,
  TopologyMoveOptions,
  TopologyPlan,
} from '../../src/node/api.ts'
import { FakeRegisters } from './fake-registers.ts'
import { fakeCounter, fakeSet } from './fake-types.ts'

export const MEMBERS: readonly MemberInfo[] = ['a', 'b', 'c'].map((name, i) => ({
  id: `12D3KooW${name.repeat(44)}`,
  name,
  state: i === 1 ? 'dead' : 'alive',
  addresses: [`/ip4/127.0.0.1/tcp/${4401 + i}`],
  tags: name === 'a' ? { role: 'api' } : {},
  incarnation: i,
  zone: '',
  role: 'member',
}))

export function diagnosisOf(severity: Severity): Diagnosis {
  const finding = {
    check: 'clock',
    severity,
    seen: 'as it is',
    fix: severity === 'ok' ? '' : 'mend it',
  }
  return { severity, tookMs: 12, asked: 2, members: 3, findings: [finding] }
}

const FAKE_TIMELINE: Timeline = {
  name: 'a',
  fromMs: 1_700_000_000_000,
  toMs: 1_700_000_900_000,
  lost: { count: 3, untilMs: 1_700_000_000_500 },
  incidents: [
    {
      seq: 4,
      atMs: 1_700_000_001_000,
      untilMs: 1_700_000_003_000,
      times: 2,
      lane: 'stall',
      level: 'warn',
      event: 'node.stall',
      subject: '',
      detail: { lateMs: 700 },
    },
    {
      seq: 5,
      atMs: 1_700_000_700_000,
      untilMs: 1_700_000_700_000,
      times: 1,
      lane: 'member',
      level: 'warn',
      event: 'member.dead',
      subject: 'b',
      detail: { was: 'suspect' },
    },
  ],
}

/** When values that last no time have ended: the year 2100. */
export const FUTURE_MS = 4_102_444_800_000

export class FakeNode implements NodeApi {
  readonly values = new Map<string, KvValue>()
  /** What each key is besides. */
  readonly types = new Map<string, Omit<KvFound, 'value'>>()
  /** Of every key that is listed. */
  siblingCount = 1
  /** Values that the context of a write did not cover. */
  uncovered = 0
  readonly options: CallOptions[] = []
  readonly signals: AbortSignal[] = []
  /** Thrown by every call, when set. */
  failure: AtollError | null = null
  /** Calls wait for it, when set. */
  gate: Promise<void> | null = null
  /** Of what is listed. */
  partial = false
  /** Does not care for signals while it waits. */
  deaf = false
  /** What `member.watch` tells; then it waits for the signal. */
  changes: AsyncIterable<MemberChange> | null = null
  /** What `kv.watch` tells; then it waits for the signal. */
  kvChanges: Iterable<KvEvent> | AsyncIterable<KvEvent> = [{ kind: 'begin', cursor: 'c0' }]
  claimed = true
  removed = false
  diagnosis: Diagnosis = diagnosisOf('ok')
  left = false
  held = 171
  calls = 0

  readonly reg = new FakeRegisters((options) => this.#enter(options))

  readonly kv = {
    counter: fakeCounter((options) => this.#enter(options)),
    set: fakeSet((options) => this.#enter(options)),
    siblings: async (key: string, options?: CallOptions): Promise<KvSiblings> => {
      await this.#enter(options)
      const value = this.values.get(key)
      const first = value === undefined ? [] : [{ value, ...this.types.get(key) }]
      const siblings = first.length === 0 ? [] : [...first, { value: 'another' }]
      return { key, siblings, context: 'v1', acks: 3, replicas: 3, partial: false }
    },
    put: async (key: string, value: KvValue, options: KvPutOptions = {}): Promise<KvPutWritten> => {
      await this.#enter(options)
      const { type, ttlMs } = options
      const stood = this.types.get(key)?.type
      this.types.set(key, {
        ...(type !== undefined && { type }),
        ...(ttlMs !== undefined && { expiresAtMs: FUTURE_MS + ttlMs }),
      })
      this.values.set(key, value)
      const replaced = stood === undefined || type !== undefined ? {} : { replaced: stood }
      const siblingCount = 1 + this.uncovered
      return { key, context: 'v1', acks: 3, replicas: 3, partial: false, siblingCount, ...replaced }
    },
    get: async (key: string, options?: CallOptions): Promise<KvRead | null> => {
      await this.#enter(options)
      const value = this.values.get(key)
      if (value === undefined) return null
      const found = { key, value, ...this.types.get(key) }
      return { ...found, context: 'v1', acks: 3, replicas: 3, others: [], partial: false }
    },
    del: async (key: string, options?: CallOptions): Promise<KvValueWritten> => {
      await this.#enter(options)
      this.values.delete(key)
      const siblingCount = this.uncovered
      return { key, context: 'v2', acks: 1, replicas: 3, partial: true, siblingCount }
    },
    ls: async (prefix: string, options?: KvLsOptions): Promise<KvPage> => {
      await this.#enter(options)
      const { after = '', limit = 1000 } = options ?? {}
      const keys = [...this.values.keys()].filter((k) => k.startsWith(prefix) && k > after).sort()
      const entries = keys.slice(0, limit).map((key) => ({
        key,
        value: this.values.get(key) ?? null,
        ...this.types.get(key),
        siblingCount: this.siblingCount,
      }))
      const next = keys.length > limit ? (entries.at(-1)?.key ?? null) : null
      return { entries, next, partial: this.partial }
    },
    watch: (prefix: string, options?: KvWatchOptions): AsyncIterable<KvEvent> =>
      this.#watchKeys(prefix, options),
  }

  readonly member = {
    ls: async (options?: CallOptions): Promise<readonly MemberInfo[]> => {
      await this.#enter(options)
      return MEMBERS
    },
    show: async (nameOrId: string, options?: CallOptions): Promise<MemberInfo> => {
      await this.#enter(options)
      const found = MEMBERS.find(({ id, name }) => id === nameOrId || name === nameOrId)
      if (found === undefined) throw new AtollError('NOT_FOUND', `no member "${nameOrId}"`)
      return found
    },
    tag: async (
      tags: Readonly<Record<string, string | null>>,
      options?: CallOptions,
    ): Promise<MemberInfo> => {
      await this.#enter(options)
      const set = Object.entries(tags).filter((pair): pair is [string, string] => pair[1] !== null)
      return { ...(MEMBERS[0] as MemberInfo), tags: Object.fromEntries(set) }
    },
    remove: async (nameOrId: string, options?: CallOptions): Promise<MemberRemoved> => {
      await this.#enter(options)
      const found = MEMBERS.find(({ id, name }) => id === nameOrId || name === nameOrId)
      if (found === undefined) throw new AtollError('NOT_FOUND', `no member "${nameOrId}"`)
      return { storageId: found.name.repeat(26), name: found.name, topology: 4 }
    },
    watch: (options?: CallOptions): AsyncIterable<MemberChange> => this.#watch(options?.signal),
  }

  readonly ticket = {
    create: async (options?: CallOptions): Promise<{ readonly ticket: string }> => {
      await this.#enter(options)
      return { ticket: 'atoll1fake' }
    },
    revoke: async (
      ticket: string,
      options?: CallOptions,
    ): Promise<{ readonly revoked: boolean }> => {
      await this.#enter(options)
      return { revoked: ticket === 'atoll1fake' }
    },
  }

  readonly topology = {
    show: async (options?: CallOptions): Promise<TopologyInfo> => {
      await this.#enter(options)
      const members = MEMBERS.map(({ id, name, state, zone }) => {
        return { storageId: `${name}`.repeat(26), id, name, state, zone, capacity: 1 }
      })
      const replicas = members.map(({ storageId }) => storageId)
      return {
        number: 3,
        members,
        roots: replicas.slice(0, 1),
        replicationFactor: 3,
        partitions: [
          { cfg: 3, replicas, previous: null, former: [] },
          { cfg: 2, replicas, previous: replicas.slice(0, 2), former: ['d'.repeat(26)] },
        ],
        away: [{ storageId: 'd'.repeat(26), name: 'd', partitions: 1 }],
      }
    },
    plan: async (options?: CallOptions): Promise<TopologyPlan> => {
      await this.#enter(options)
      const move = { partition: 1, from: ['a'], to: ['c'] }
      return {
        number: 3,
        decider: 'a',
        blocked: null,
        reasons: ['1 join', '1 partitions move'],
        joins: ['d'],
        goes: [],
        roots: ['a', 'b', 'c'],
        moves: [move],
        moving: [{ ...move, installed: ['b'], waitsFor: ['c'] }],
        losses: [
          { kind: 'member', name: 'a', partitions: [1], decisions: true },
          { kind: 'zone', name: 'z', partitions: [], decisions: false },
        ],
      }
    },
    move: async (partition: number, options: TopologyMoveOptions): Promise<TopologyMoved> => {
      await this.#enter(options)
      return { partition, from: options.from ?? 'a', to: options.to, topology: 4 }
    },
  }

  async status(options?: CallOptions): Promise<Status> {
    await this.#enter(options)
    return {
      id: MEMBERS[0]?.id ?? '',
      name: 'a',
      clusterId: this.claimed ? 'c'.repeat(26) : '',
      storageId: 'a'.repeat(26),
      version: '0.1.0',
      state: this.removed ? 'removed' : this.claimed ? 'running' : 'unclaimed',
      role: 'member',
      addresses: ['/ip4/127.0.0.1/tcp/4401'],
      uptimeMs: 61_000,
      members: { alive: 2, suspect: 0, dead: 1 },
      topology: 3,
      movingPartitions: 1,
      heldPartitions: this.held,
      toleratesFailures: 0,
      warnings: ['one root: its loss needs recover'],
    }
  }

  readonly debug = {
    log: async (levels?: string, options?: LogOptions): Promise<LogSettings> => {
      await this.#enter(options)
      const parts = { swim: 'debug' } as const
      const known = ['mesh', 'swim']
      const fallsBackInMs = levels === undefined ? null : (options?.forMs ?? 900_000)
      return { base: 'info', parts, start: 'info', fallsBackInMs, known }
    },
    timeline: async (options?: TimelineOptions): Promise<Timeline> => {
      await this.#enter(options)
      return FAKE_TIMELINE
    },
  }

  async doctor(options?: CallOptions): Promise<Diagnosis> {
    await this.#enter(options)
    return this.diagnosis
  }

  async explain(key: string, options?: CallOptions): Promise<Explanation> {
    await this.#enter(options)
    return {
      key,
      kadId: 'f'.repeat(64),
      partition: 7,
      partitions: 256,
      cfg: 3,
      replicas: MEMBERS.map(({ name, state }, i) => ({
        storageId: name.repeat(26),
        name,
        state,
        part: 'replica',
        rank: i + 1,
        load: 80 + i,
        loadMax: 94,
        context: state === 'alive' ? 'v1' : '',
        siblingCount: state === 'alive' ? 1 : 0,
        answered: state === 'alive',
        isCurrent: state === 'alive',
        writes:
          state === 'alive'
            ? [{ kind: 'text', bytes: 4, count: 1, by: 'a', expiresAtMs: null }]
            : [],
      })),
      passed: [],
      register: {
        next: 'two-rounds',
        proposer: 'a',
        replicas: MEMBERS.map(({ name, state }) => ({
          storageId: name.repeat(26),
          name,
          answered: state === 'alive',
          version: state === 'alive' ? 'v2' : '',
          hasValue: name === 'a',
          promised: state === 'alive' ? '3.v3.a.1' : '',
          accepted: state === 'alive' ? '3.v2.a.1' : '',
          installed: state === 'alive',
        })),
      },
      lookup: {
        found: ['c', 'a'].map((name) => ({ peer: `12D3${name}`, name, is: 'replica' })),
        tookMs: 120,
        why: ['b is down'],
      },
      closest: ['c', 'a'],
      notes: ['b did not answer'],
    }
  }

  async metrics(options?: CallOptions): Promise<readonly MetricFamily[]> {
    await this.#enter(options)
    const buckets = [{ le: 0.5, count: 1 }]
    return [
      {
        name: 'atoll_fake_members',
        type: 'gauge',
        help: 'Members.',
        labels: ['state'],
        samples: [{ labels: { state: 'alive' }, value: 2 }],
      },
      {
        name: 'atoll_fake_seconds',
        type: 'histogram',
        help: 'Time.',
        labels: [],
        samples: [{ labels: {}, count: 2, sum: 1.25, buckets }],
      },
    ]
  }

  async init(options?: CallOptions): Promise<{ readonly clusterId: string }> {
    await this.#enter(options)
    if (this.claimed) throw new AtollError('ALREADY_CLAIMED', 'this daemon belongs to a cluster')
    this.claimed = true
    return { clusterId: 'c'.repeat(26) }
  }

  async join(ticket: string, options?: CallOptions): Promise<{ readonly clusterId: string }> {
    await this.#enter(options)
    if (ticket !== 'atoll1fake') throw new AtollError('TICKET_INVALID', 'the ticket is malformed')
    return { clusterId: 'c'.repeat(26) }
  }

  async leave(options?: CallOptions): Promise<void> {
    await this.#enter(options)
    this.left = true
  }

  async #enter(options: CallOptions | undefined): Promise<void> {
    this.calls++
    this.options.push(options ?? {})
    if (options?.signal !== undefined) this.signals.push(options.signal)
    const signal = this.deaf ? undefined : options?.signal
    if (this.gate !== null) await Promise.race([this.gate, aborted(signal)])
    if (this.failure !== null) throw this.failure
  }

  async *#watchKeys(
    prefix: string,
    options: KvWatchOptions = {},
  ): AsyncGenerator<KvEvent, void, undefined> {
    const { signal } = options
    this.options.push(options)
    if (signal !== undefined) this.signals.push(signal)
    if (this.failure !== null) throw this.failure
    for await (const event of this.kvChanges) {
      if (!('key' in event) || event.key.startsWith(prefix)) yield event
    }
    await aborted(signal).catch(() => undefined)
  }

  async *#watch(signal: AbortSignal | undefined): AsyncGenerator<MemberChange, void, undefined> {
    if (signal !== undefined) this.signals.push(signal)
    if (this.failure !== null) throw this.failure
    for (const member of MEMBERS) yield { kind: 'join', member }
    if (this.changes !== null) yield* this.changes
    await aborted(signal).catch(() => undefined)
  }
}

/** Rejects when the signal aborts, with its reason. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal?.aborted) reject(signal.reason as Error)
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
