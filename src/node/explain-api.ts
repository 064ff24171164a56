/** What `explain` tells of a key, as programs see it. */

/** libp2p peer id, `12D3Koo…`. */
export type PeerId = string
/** `removed`: by the operator, for good; shown for a day, whatever became of it. */
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left' | 'removed'

/** Where a key lives and why, and what holds it. Human-oriented; fields may be added. */
export interface Explanation {
  readonly key: string
  readonly kadId: string
  readonly partition: number
  /** How many there are. */
  readonly partitions: number
  /** The topology since which it lies there. */
  readonly cfg: number
  readonly replicas: readonly ReplicaExplanation[]
  /** Members nearer to the partition than its farthest replica that hold none, nearest first. */
  readonly passed: readonly {
    readonly storageId: string
    readonly name: string
    readonly rank: number
    /** `not-moved`: only distance speaks for it, and data is not moved for that alone. */
    readonly reason: 'takes-nothing' | 'full' | 'same-zone' | 'not-moved'
  }[]
  /** The register of this key, which has its own history. */
  readonly register: RegisterExplanation
  readonly lookup: LookupExplanation
  /** Names of the peers that a live Kademlia lookup calls closest. */
  readonly closest: readonly string[]
  readonly notes: readonly string[]
}

export interface ReplicaExplanation {
  readonly storageId: string
  readonly name: string
  readonly state: MemberState | 'unknown'
  /** While the partition moves: who is being filled `comes`, whom it leaves `goes`. */
  readonly part: 'replica' | 'comes' | 'goes'
  /** 1: nearest to the partition of all members; 0: no member any more. */
  readonly rank: number
  /** Partitions that it holds, and that it may hold. */
  readonly load: number
  readonly loadMax: number
  /** '' when it did not answer, or knows of no write. */
  readonly context: string
  /** How many values a reader is shown of it. 0 with a context: deleted. */
  readonly siblingCount: number
  readonly answered: boolean
  /** It has all that any replica which answered has. */
  readonly isCurrent: boolean
  /** What it holds that no other write has replaced; what is shown first, newest first. */
  readonly writes: readonly {
    readonly kind: 'bytes' | 'text' | 'json' | 'set' | 'counter' | 'deleted' | 'expired'
    /** Of the value, or of all elements. */
    readonly bytes: number
    /** Elements of a set, the sum of a counter; 1 for a value, 0 for none. */
    readonly count: number
    /** Name of the member that coordinated it; '' where several did. */
    readonly by: string
    /** Wall time in ms; null: never. */
    readonly expiresAtMs: number | null
  }[]
}

/** What a live Kademlia lookup of the key makes of it, beside the stored replicas. */
export interface LookupExplanation {
  /** Nearest to the key first; without this daemon. */
  readonly found: readonly {
    readonly peer: PeerId
    readonly name: string
    readonly is: 'replica' | 'member' | 'edge' | 'unknown'
  }[]
  readonly tookMs: number
  /** One clause each: why it differs from the replicas. */
  readonly why: readonly string[]
}

export interface RegisterExplanation {
  /** What a change would do now: `moving`, two rounds with the old replicas too. */
  readonly next: 'one-round' | 'two-rounds' | 'moving' | 'no-quorum'
  /** Name of the member that would propose it; '' when none answers. */
  readonly proposer: string
  /** In the order of `replicas` above. */
  readonly replicas: readonly {
    readonly storageId: string
    readonly name: string
    readonly answered: boolean
    /** Of what it accepted, chosen or not; '' when it holds nothing. */
    readonly version: string
    /** False with a version: deleted. */
    readonly hasValue: boolean
    /** Ballots as configuration.counter.proposer.boot; '' for none. */
    readonly promised: string
    readonly accepted: string
    /** Everything of earlier configurations is here. */
    readonly installed: boolean
  }[]
}
