/**
 * The composition root: where the layers of a node that belongs to a cluster are put together,
 * bottom up, and the only place that does.
 *
 * The daemon passes system seams, the simulator simulated ones, and nothing built here can tell
 * which.
 */
import type { ErrorCode } from '../base/errors.ts'
import type { ClusterId, PeerId, StorageId } from '../base/ids.ts'
import { Metrics } from '../base/metrics.ts'
import type { Database } from '../disk/database.ts'
import { AdmissionKey } from '../mesh/admission-key.ts'
import { Admitter } from '../mesh/admit.ts'
import { KnownStarts } from '../mesh/known-starts.ts'
import type { RemotePeer } from '../mesh/mesh.ts'
import { declareMeshMetrics } from '../mesh/metrics.ts'
import { createMesh, type MeshNode } from '../mesh/mesh-node.ts'
import type { Contact } from '../mesh/ticket.ts'
import { sleep } from '../seams/clock.ts'
import type { Network } from '../seams/network.ts'
import type { Seams } from '../seams/seams.ts'
import { declareRegisterMetrics } from '../paxos/metrics.ts'
import { Registers } from '../paxos/registers.ts'
import { KvStore } from '../store/kv-store.ts'
import { declareStoreMetrics } from '../store/metrics.ts'
import { declareSwimMetrics } from '../swim/metrics.ts'
import { createMembership, type SwimMembership } from '../swim/membership.ts'
import { LAN, LOCAL, type SwimProfile, WAN } from '../swim/parameters.ts'
import { liveDisks, partitionsWithoutMajority } from '../topology/describe.ts'
import { knownIn } from '../topology/known-topology.ts'
import type { TopologyIssuer } from '../topology/issuer.ts'
import { TopologyFinder } from '../topology/finder.ts'
import { declareTopologyMetrics } from '../topology/metrics.ts'
import { MovementReporter } from '../topology/movement-reporter.ts'
import { RootsIssuer } from '../topology/roots-issuer.ts'
import { TopologyLog } from '../topology/topology-log.ts'
import { isMember, type Topology } from '../topology/topology.ts'
import type { ClusterFile } from './cluster-file.ts'
import type { NodeConfig, ProfileName } from './config.ts'
import { Sounder } from './doctor/sounding.ts'
import type { Identity } from './identity.ts'
import { Installations } from './installations.ts'
import { Removals } from './removals.ts'
import { MemberLog } from './watch/member-log.ts'
import { TopologyLines } from './watch/topology-lines.ts'

export interface ClusterParts {
  readonly config: NodeConfig
  readonly seams: Seams
  /** null on a node without a disk. */
  readonly database: Database | null
  readonly identity: Identity
  readonly file: ClusterFile
}

const PROFILES: Readonly<Record<ProfileName, SwimProfile>> = { lan: LAN, wan: WAN, local: LOCAL }
/** How long a node waits for the topology, and an edge for its members, before its start is done anyway. */
const FIRST_MEETING_MS = 3000
const FIRST_LOOK_MS = 10

/** The layers of a node that belongs to a cluster. */
export class Cluster {
  readonly clusterId: ClusterId
  readonly network: Network
  readonly mesh: MeshNode
  readonly membership: SwimMembership
  readonly topology: TopologyLog
  readonly issuer: TopologyIssuer
  readonly kv: KvStore
  readonly reg: Registers
  /** null on an edge, which admits nobody. */
  readonly admitter: Admitter | null
  /** For the doctor. */
  readonly sounder: Sounder
  readonly removals: Removals
  readonly #topologyLines: TopologyLines
  /** Of the layers below, since this node came to the cluster. */
  readonly metrics = new Metrics()
  readonly #reporter: MovementReporter
  /** null on an edge. */
  readonly #starts: KnownStarts | null
  /** null on a member: its disk knows the topology. */
  readonly finder: TopologyFinder | null
  readonly #parts: ClusterParts
  readonly #ends = new AbortController()

  constructor(parts: ClusterParts) {
    this.#parts = parts
    const { config, seams, identity, file } = parts
    const { clock, random, log } = seams
    const { clusterId, networkKey, role, certificate } = file
    const { listen, announce } = config
    this.clusterId = clusterId
    // An edge holds no data, whatever disk it may have.
    const database = role === 'member' ? parts.database : null
    const storageId = role === 'member' ? identity.storageId : ''
    const { privateKeySeed, boot } = identity
    const [run = 0, ...past] = identity.runs
    this.network = seams.network({ privateKeySeed, networkKey, listen, announce })
    const self = { clusterId, storageId, boot, run, past, role, certificate }
    const gate = (remote: RemotePeer): ErrorCode | null => this.#gate(remote)
    this.#starts = database === null ? null : new KnownStarts(database)
    const starts = this.#starts === null ? {} : { starts: this.#starts }
    this.mesh = createMesh({ network: this.network, clock, random, log, self, gate, ...starts })
    this.topology = new TopologyLog({
      clusterId,
      mesh: this.mesh,
      clock,
      log,
      database,
      isMember: (peer) => this.membership.get(peer)?.role === 'member',
    })
    this.#topologyLines = new TopologyLines(this.topology, clock, log)
    const isKnown = (peer: string): boolean => this.membership.get(peer) !== undefined
    this.sounder = new Sounder({ mesh: this.mesh, network: this.network, clock, isKnown })
    const { name, zone, capacity, tags } = config
    const facts = { name, zone, role, storageId, boot, capacity, addresses: [], tags }
    this.membership = createMembership({
      mesh: this.mesh,
      clock,
      random,
      log,
      database: parts.database,
      facts,
      profile: PROFILES[config.profile],
      digest: () => this.topology.digest,
      onDigest: (peer, number) => this.topology.onDigest(peer, number),
    })
    this.removals = new Removals({
      self: storageId,
      mesh: this.mesh,
      membership: () => this.membership,
      topology: this.topology,
      clock,
      log,
    })
    const layers = { mesh: this.mesh, clock, random, log, topology: this.topology }
    const issuer = new RootsIssuer({ ...layers, membership: this.membership, database })
    this.issuer = issuer
    this.#reporter = new MovementReporter({ ...layers, self: storageId, issuer })
    const installations = new Installations((partition, cfg) =>
      this.#reporter.reportInstalled(partition, cfg),
    )
    const { network, membership } = this
    this.finder = role === 'edge' ? new TopologyFinder({ ...layers, network, membership }) : null
    const { finder } = this
    const data = { ...layers, self: storageId, boot, database, membership, finder }
    this.kv = new KvStore({
      ...data,
      reportInstalled: (partition, cfg) => installations.installed('store', partition, cfg),
      reportEmptied: (partition, cfg) => this.#reporter.reportEmptied(partition, cfg),
    })
    this.reg = new Registers({
      ...data,
      reportInstalled: (partition, cfg) => installations.installed('registers', partition, cfg),
    })
    this.topology.beforeLearn(this.reg.onLearn)
    this.admitter = this.#makeAdmitter(database, gate)
    this.#declareMetrics(storageId, issuer.refusals)
  }

  #declareMetrics(self: StorageId, slotRefusals: RootsIssuer['refusals']): void {
    const { metrics, topology, membership } = this
    declareMeshMetrics(metrics, this.mesh)
    declareSwimMetrics(metrics, membership)
    const { finder } = this
    const reporter = this.#reporter
    declareTopologyMetrics(metrics, { self, topology, membership, reporter, slotRefusals, finder })
    declareStoreMetrics(metrics, this.kv)
    declareRegisterMetrics(metrics, this.reg)
  }

  #makeAdmitter(
    database: Database | null,
    gate: (remote: RemotePeer) => ErrorCode | null,
  ): Admitter | null {
    const { seams, file } = this.#parts
    if (file.admissionSeed === null || database === null) return null
    return new Admitter({
      ...seams,
      mesh: this.mesh,
      key: new AdmissionKey(file.admissionSeed),
      networkKey: file.networkKey,
      certificate: file.certificate,
      database,
      topology: () => this.topology.encoded,
      contacts: () => this.#contacts(),
      gate,
    })
  }

  /**
   * `first`: the topology that the node was founded or admitted with. `stopping`: nobody waits for
   * more of a start than that it is whole.
   */
  async start(first: Topology | null, stopping: AbortSignal): Promise<void> {
    const { file, seams } = this.#parts
    if (first !== null) await this.topology.learn(first)
    await this.#trimStarts()
    await this.mesh.start()
    new MemberLog(seams.log, this.mesh.self.peer).follow(this.membership)
    await this.membership.start(file.contacts)
    this.issuer.start()
    await this.kv.start()
    this.reg.start()
    await this.#meetFirst(stopping)
  }

  async #trimStarts(): Promise<void> {
    const members = this.topology.current()?.members
    if (members === undefined) return
    const disks = new Set(members.map(({ storageId }) => storageId))
    // There is always another start: the disk may be full.
    await this.#starts?.trim((id) => disks.has(id)).catch(() => undefined)
  }

  nowMs(): number {
    return this.#parts.seams.clock.monotonicMs()
  }

  /** Monotonic time at which the topology in force came into force here. */
  get topologySinceMs(): number {
    return this.#topologyLines.sinceMs
  }

  /** Throws NO_QUORUM as long as none is known: on an edge that has just started. */
  knownTopology(): Topology {
    return knownIn(this.topology)
  }

  /** As people call it; the peer id of whom nobody knows. */
  nameOf(peer: PeerId): string {
    const members = this.topology.current()?.members
    const known = this.membership.get(peer) ?? members?.find(({ id }) => id === peer)
    return known?.name ?? peer
  }

  /** Aborts when this node is part of the cluster no more. */
  get ends(): AbortSignal {
    return this.#ends.signal
  }

  /** Layers end in the order in which they lean on each other. */
  async stop(): Promise<void> {
    this.#ends.abort()
    this.removals.stop()
    this.admitter?.stop()
    await this.finder?.stop()
    await this.kv.stop()
    await this.reg.stop()
    await this.#reporter.stop()
    await this.issuer.stop()
    await this.membership.stop()
    await this.topology.stop()
    await this.mesh.stop()
  }

  /** Gossip brings the topology and its members soon; a call that comes at once should find them. */
  async #meetFirst(stopping: AbortSignal): Promise<void> {
    const { clock } = this.#parts.seams
    const endMs = clock.monotonicMs() + FIRST_MEETING_MS
    for (const { peer } of this.#parts.file.contacts) this.topology.onDigest(peer, 1)
    while (!this.#canServe() && !stopping.aborted && clock.monotonicMs() < endMs) {
      await sleep(clock, FIRST_LOOK_MS, stopping).catch(() => undefined)
    }
  }

  /** Who holds data has its own disk at least; others have nobody until they have met them. */
  #canServe(): boolean {
    const current = this.topology.current()
    if (current === null) return false
    if (isMember(current, this.mesh.self.storageId)) return true
    return partitionsWithoutMajority(current, liveDisks(current, this.membership)).length === 0
  }

  #gate({ storageId }: RemotePeer): ErrorCode | null {
    const removed = this.topology.current()?.removed.includes(storageId) === true
    return removed ? 'DENIED' : null
  }

  /** Members that are up, for tickets and for joiners. */
  #contacts(): readonly Contact[] {
    return this.membership
      .members()
      .filter(({ role, state }) => role === 'member' && state === 'alive')
      .map(({ id, addresses }) => ({ peer: id, addresses }))
  }
}
