/** What a host says about the node it opens; everything else has a default that holds. */

/** Time-outs of membership: one building, the internet between members, or one machine. */
export type ProfileName = 'lan' | 'wan' | 'local'

export interface NodeConfig {
  /** null: an edge, which stores nothing and is somebody new at every start. */
  readonly dataDir: string | null
  /** How people call it; need not be unique. */
  readonly name: string
  /** Replicas are spread over zones; '' counts as a zone of its own. */
  readonly zone: string
  /** Share of data relative to others: 1 is everybody's default, 0 takes none. */
  readonly capacity: number
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[]
  /** Multiaddrs to give out instead (containers, address translation); empty: those listened on. */
  readonly announce: readonly string[]
  readonly tags: Readonly<Record<string, string>>
  readonly profile: ProfileName
  /** Partitions of the key space, a power of two; counts at `init` only, and for good. */
  readonly partitions: number
  /** Copies of each key; counts at `init` only. */
  readonly replicationFactor: number
}

export const NODE_DEFAULTS = {
  zone: '',
  capacity: 1,
  listen: ['/ip4/0.0.0.0/tcp/0'],
  announce: [],
  tags: {},
  profile: 'lan',
  partitions: 256,
  replicationFactor: 3,
} as const satisfies Partial<NodeConfig>
