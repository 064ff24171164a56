/**
 * The interface of a node as programs see it: the same embedded (`createNode`) and over the socket
 * (`connect`). Nouns and verbs are those of the command line and of JSON-RPC.
 *
 * It names no type of the layers that need Node's own types, so that a program needs none to be
 * checked against it; a test holds those that are written out here to theirs.
 */
import type { MetricFamily } from '../base/metrics.ts'
import type { RegApi } from '../paxos/api.ts'
import type { CallOptions, KvApi } from '../store/api.ts'
import type { Explanation, MemberState, PeerId } from './explain-api.ts'
import type { DebugApi, Diagnosis } from './watch-api.ts'

export type {
  CallOptions,
  Value,
  JsonValue,
  Level,
  KvPutOptions,
  KvPutWritten,
  KvAddOptions,
  KvWriteOptions,
  KvWritten,
  KvValueWritten,
  KvMergeType,
  KvValue,
  KvFound,
  KvGetOptions,
  KvRead,
  KvSiblings,
  KvEntry,
  KvLsOptions,
  KvPage,
  KvWatchOptions,
  KvEvent,
  KvCount,
  KvCounted,
  KvCounterApi,
  KvElements,
  KvSetApi,
  KvSetWritten,
  KvApi,
} from '../store/api.ts'

export type {
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
} from '../paxos/api.ts'

export type {
  Explanation,
  LookupExplanation,
  MemberState,
  PeerId,
  RegisterExplanation,
  ReplicaExplanation,
} from './explain-api.ts'

export type {
  DebugApi,
  Diagnosis,
  Finding,
  Incident,
  IncidentLane,
  LogLevel,
  LogOptions,
  LogSettings,
  Severity,
  Timeline,
  TimelineOptions,
} from './watch-api.ts'

export type {
  MetricDistribution,
  MetricFamily,
  MetricLabels,
  MetricSample,
  MetricType,
  MetricValue,
} from '../base/metrics.ts'

export interface MemberInfo {
  readonly id: PeerId
  readonly name: string
  readonly state: MemberState
  readonly addresses: readonly string[]
  readonly tags: Readonly<Record<string, string>>
  readonly incarnation: number
  readonly zone: string
  readonly role: 'member' | 'edge'
}

export interface MemberApi {
  ls(options?: CallOptions): Promise<readonly MemberInfo[]>
  show(nameOrId: string, options?: CallOptions): Promise<MemberInfo>
  tag(tags: Readonly<Record<string, string | null>>, options?: CallOptions): Promise<MemberInfo>
  /**
   * Takes a member out of the topology for good: its disk is refused from then on. By name, peer id
   * or storage id. Resolves when it is decided; what it held moves afterwards.
   */
  remove(nameOrId: string, options?: CallOptions): Promise<MemberRemoved>
  /** First the members as they are (`join`), then every change. Ends when the signal aborts. */
  watch(options?: CallOptions): AsyncIterable<MemberChange>
}

export interface MemberChange {
  readonly kind: 'join' | 'alive' | 'suspect' | 'dead' | 'left' | 'update' | 'reap'
  readonly member: MemberInfo
}

export interface TicketOptions extends CallOptions {
  /** Milliseconds; 1 hour by default. */
  readonly ttlMs?: number
  /** How many may join with it; 1 by default, 0 for any number. */
  readonly uses?: number
  readonly role?: 'member' | 'edge'
}

export interface TicketApi {
  create(options?: TicketOptions): Promise<{ readonly ticket: string }>
  revoke(ticket: string, options?: CallOptions): Promise<{ readonly revoked: boolean }>
}

export interface MemberRemoved {
  readonly storageId: string
  readonly name: string
  /** The topology that says so. */
  readonly topology: number
}

export interface TopologyApi {
  show(options?: CallOptions): Promise<TopologyInfo>
  /** What would change and why, how far movements are, and what would stop with whom. */
  plan(options?: CallOptions): Promise<TopologyPlan>
  /** Moves one replica of a partition. Resolves when it is decided; the data follows. */
  move(partition: number, options: TopologyMoveOptions): Promise<TopologyMoved>
}

export interface TopologyMoveOptions extends CallOptions {
  /** Name, peer id or storage id of the member that takes it. */
  readonly to: string
  /** Of the one that gives it up; by default one in the zone of `to`, else the fullest. */
  readonly from?: string
}

export interface TopologyMoved {
  readonly partition: number
  readonly from: string
  readonly to: string
  /** The topology in which it moves. */
  readonly topology: number
}

/** Members by name. */
export interface TopologyPlan {
  readonly number: number
  /** The root that would propose it; '' when none answers. */
  readonly decider: string
  /** Why nothing can change now; null when it can. */
  readonly blocked: string | null
  /** What would change, one clause a kind; empty when nothing would. */
  readonly reasons: readonly string[]
  readonly joins: readonly string[]
  readonly goes: readonly string[]
  readonly roots: readonly string[]
  /** Replicas that would move. */
  readonly moves: readonly PartitionMove[]
  /** Movements under way. */
  readonly moving: readonly (PartitionMove & {
    /** Replicas that hold everything, and those that are waited for. */
    readonly installed: readonly string[]
    readonly waitsFor: readonly string[]
  })[]
  /** What the loss of one member or one zone would stop, beyond what has stopped already. */
  readonly losses: readonly {
    readonly kind: 'member' | 'zone'
    readonly name: string
    /** Partitions that would lack a majority. */
    readonly partitions: readonly number[]
    /** Whether too few roots would be left to change the topology. */
    readonly decisions: boolean
  }[]
}

export interface PartitionMove {
  readonly partition: number
  /** Who gives a replica up. */
  readonly from: readonly string[]
  /** Who takes one. */
  readonly to: readonly string[]
}

export interface TopologyInfo {
  readonly number: number
  readonly members: readonly {
    readonly storageId: string
    readonly id: PeerId
    readonly name: string
    readonly state: MemberState | 'unknown'
    readonly zone: string
    readonly capacity: number
  }[]
  readonly roots: readonly string[]
  readonly replicationFactor: number
  readonly partitions: readonly {
    readonly cfg: number
    readonly replicas: readonly string[]
    readonly previous: readonly string[] | null
    /** Disks that were replicas and may still hold old copies. */
    readonly former: readonly string[]
  }[]
  /** Disks with old copies that are no members: deletions are remembered until they are back. */
  readonly away: readonly {
    readonly storageId: string
    readonly name: string
    /** Of how many partitions it may hold old copies. */
    readonly partitions: number
  }[]
}

export interface Status {
  readonly id: PeerId
  readonly name: string
  /** '' while unclaimed. */
  readonly clusterId: string
  readonly storageId: string
  readonly version: string
  readonly state: 'unclaimed' | 'joining' | 'running' | 'removed' | 'leaving' | 'stopping'
  readonly role: 'member' | 'edge'
  readonly addresses: readonly string[]
  readonly uptimeMs: number
  readonly members: { readonly alive: number; readonly suspect: number; readonly dead: number }
  /** 0 while unclaimed. */
  readonly topology: number
  readonly movingPartitions: number
  /** Partitions that lie on this node, those included that move from it; a `leave` brings it to 0. */
  readonly heldPartitions: number
  /** Storing members that may fail now without any partition losing its majority. */
  readonly toleratesFailures: number
  /** One clause each; what an operator should know, such as "one root: its loss needs recover". */
  readonly warnings: readonly string[]
}

export interface NodeApi {
  readonly kv: KvApi
  readonly reg: RegApi
  readonly member: MemberApi
  readonly ticket: TicketApi
  readonly topology: TopologyApi
  readonly debug: DebugApi
  status(options?: CallOptions): Promise<Status>
  explain(key: string, options?: CallOptions): Promise<Explanation>
  /** Examines this daemon and the cluster as it sees it; every finding with its fix. */
  doctor(options?: CallOptions): Promise<Diagnosis>
  /** What this node has counted, by the names of METRICS.md. */
  metrics(options?: CallOptions): Promise<readonly MetricFamily[]>
  /** Founds a cluster of one. ALREADY_CLAIMED when it belongs to one. */
  init(options?: CallOptions): Promise<{ readonly clusterId: string }>
  join(ticket: string, options?: CallOptions): Promise<{ readonly clusterId: string }>
  /**
   * Hands its data over, says goodbye, and stops. It takes as long as that takes, or to the deadline:
   * `status().heldPartitions` says how much is left. Given up, by the deadline or the signal, the node
   * stays a member unless it had left by then, and what has gone comes back to it.
   */
  leave(options?: CallOptions): Promise<void>
}

/** A node in this process. */
export interface AtollNode extends NodeApi, AsyncDisposable {
  /** Comes up; an unclaimed node waits for `init` or `join`. Idempotent. */
  start(): Promise<void>
  /** Ends quickly and stays a member. Idempotent. */
  stop(): Promise<void>
  /** Resolves once, with what ended this node for good; never rejects. */
  readonly failed: Promise<Error>
}
