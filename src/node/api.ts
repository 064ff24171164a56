/**
 * The interface of a node as programs see it: the same embedded (`createNode`) and over the socket
 * (`connect`). Nouns and verbs are those of the command line and of JSON-RPC.
 */
import type { PeerId } from '../base/ids.ts'
import type { MemberState } from '../swim/member.ts'

export interface CallOptions {
  /** The call ends with TIMEOUT after this long; each call has its own default. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

/** Bytes, text or JSON: returned as what it was stored as. */
export type Value = Uint8Array | string | JsonValue
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

/** Absent: ask all, answer at a majority, or with what there is when a majority cannot be had. */
export type Level = 'one' | 'quorum' | 'all'

export interface KvPutOptions extends CallOptions {
  readonly level?: Level
  /** Version that this write replaces; absent: what this node last saw of the key. */
  readonly context?: string
}

export interface KvWritten {
  readonly key: string
  readonly version: string
  /** Replicas whose disks have it, and replicas there are. */
  readonly acks: number
  readonly replicas: number
  /** Fewer than a majority answered; the rest will be repaired. */
  readonly partial: boolean
}

export interface KvGetOptions extends CallOptions {
  readonly level?: Level
}

export interface KvRead {
  readonly key: string
  readonly value: Value
  /** Opaque; give it back as `context` to replace all that it covers. */
  readonly version: string
  readonly acks: number
  readonly replicas: number
  /** Other values written by writers that did not see each other, newest first. */
  readonly siblings: readonly Value[]
  readonly partial: boolean
}

export interface KvPage {
  readonly entries: readonly { readonly key: string; readonly value: Value }[]
  /** Give it as `after` for the next page; null at the end. */
  readonly next: string | null
  readonly partial: boolean
}

export interface KvApi {
  put(key: string, value: Value, options?: KvPutOptions): Promise<KvWritten>
  /** null when there is no value. */
  get(key: string, options?: KvGetOptions): Promise<KvRead | null>
  del(key: string, options?: KvPutOptions): Promise<KvWritten>
  ls(
    prefix: string,
    options?: CallOptions & { readonly after?: string; readonly limit?: number },
  ): Promise<KvPage>
}

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

export interface TopologyApi {
  show(options?: CallOptions): Promise<TopologyInfo>
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
  }[]
}

export interface Status {
  readonly id: PeerId
  readonly name: string
  /** '' while unclaimed. */
  readonly clusterId: string
  readonly storageId: string
  readonly version: string
  readonly state: 'unclaimed' | 'joining' | 'running' | 'leaving' | 'stopping'
  readonly role: 'member' | 'edge'
  readonly addresses: readonly string[]
  readonly uptimeMs: number
  readonly members: { readonly alive: number; readonly suspect: number; readonly dead: number }
  /** 0 while unclaimed. */
  readonly topology: number
  readonly movingPartitions: number
  /** Storing members that may fail now without any partition losing its majority. */
  readonly toleratesFailures: number
  /** One clause each; what an operator should know, such as "one root: its loss needs recover". */
  readonly warnings: readonly string[]
}

/** Where a key lives, and what holds it. Human-oriented; fields may be added. */
export interface Explanation {
  readonly key: string
  readonly kadId: string
  readonly partition: number
  readonly cfg: number
  readonly replicas: readonly {
    readonly storageId: string
    readonly name: string
    readonly state: MemberState | 'unknown'
    /** '' when it did not answer. */
    readonly version: string
    readonly answered: boolean
  }[]
  /** Names of the peers that a live Kademlia lookup calls closest. */
  readonly closest: readonly string[]
  readonly notes: readonly string[]
}

export interface NodeApi {
  readonly kv: KvApi
  readonly member: MemberApi
  readonly ticket: TicketApi
  readonly topology: TopologyApi
  status(options?: CallOptions): Promise<Status>
  explain(key: string, options?: CallOptions): Promise<Explanation>
  /** Founds a cluster of one. ALREADY_CLAIMED when it belongs to one. */
  init(options?: CallOptions): Promise<{ readonly clusterId: string }>
  join(ticket: string, options?: CallOptions): Promise<{ readonly clusterId: string }>
  /** Hands its data over, says goodbye, and stops. */
  leave(options?: CallOptions): Promise<void>
}
