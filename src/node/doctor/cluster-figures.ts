/** Gathers what the checks of the cluster judge: asks members, reads membership and topology. */
import type { PeerId } from '../../base/ids.ts'
import { isAtollError } from '../../base/errors.ts'
import type { Clock } from '../../seams/clock.ts'
import type { Amounts } from '../../store/inventory.ts'
import type { Member, Membership } from '../../swim/member.ts'
import {
  failuresTolerated,
  liveDisks,
  movingPartitions,
  partitionsWithoutMajority,
  unsuspectedDisks,
} from '../../topology/describe.ts'
import type { Topology, TopologyMember } from '../../topology/topology.ts'
import { endOf } from '../naming.ts'
import { type Removal, removalWords } from '../removals.ts'
import type { ClockOffset } from './check-clock.ts'
import type { DialFigures } from './check-dial.ts'
import type { VersionOf } from './check-self.ts'
import type { QuorumFigures } from './check-quorum.ts'
import type { MemberView, Reach, ReachFigures } from './check-reach.ts'
import { PEERS_MAX, type Sounder, type Sounding } from './sounding.ts'

/** One answer may take this long; who is asked for its reach waits as long for others. */
const SOUND_MS = 1000
/** Its own soundings, and the way there and back. */
const REACH_MS = 2000

/** What the doctor needs of a cluster. */
export interface ClusterView {
  readonly membership: Membership
  readonly topology: { current(): Topology | null }
  readonly sounder: Sounder
  readonly removals: { readonly self: Removal | null }
  readonly kv: { readonly held: Pick<Amounts, 'withSiblings'> | null }
  /** Monotonic time at which the topology in force came into force here. */
  readonly topologySinceMs: number
}

export interface ClusterFigures {
  readonly asked: number
  /** null: no topology is known. */
  readonly quorum: QuorumFigures | null
  readonly reach: ReachFigures
  readonly dial: DialFigures
  readonly clocks: readonly ClockOffset[]
  /** Keys on this disk; 0 while they are not counted. */
  readonly withSiblings: number
  readonly versions: readonly VersionOf[]
  /** Members that do not know the question. */
  readonly older: readonly string[]
}

export async function examineCluster(
  view: ClusterView,
  clock: Clock,
  limitMs: number,
  shuffle: (peers: readonly PeerId[]) => PeerId[],
): Promise<ClusterFigures> {
  const { membership, sounder } = view
  const self = membership.self()
  const others = membership
    .members()
    .filter(({ id, role, state }) => id !== self.id && role === 'member' && state !== 'left')
    .filter(({ storageId }) => view.topology.current()?.removed.includes(storageId) !== true)
  const nameOf = namesOf([self, ...others])
  const asked = sample(others, shuffle)
  const soundMs = Math.min(SOUND_MS, limitMs / 2)
  const reachMs = Math.min(REACH_MS, limitMs)
  const [soundings, reports] = await Promise.all([
    Promise.all(asked.map((peer) => sounder.sound(peer, soundMs))),
    Promise.all(asked.map((peer) => reachOf(sounder, peer, [self.id, ...asked], reachMs, nameOf))),
  ])
  const answered = soundings.flatMap((each) => (each.answered ? [each] : []))
  const answers = new Map(soundings.map((each) => [each.peer, each]))
  const isOlder = ({ why }: { readonly why: string }): boolean => why === 'UNSUPPORTED'
  const older = soundings.flatMap((each) =>
    !each.answered && isOlder(each) ? [nameOf(each.peer)] : [],
  )
  const mute = reports.flatMap((report, i) => {
    const isSound = answers.get(asked[i] ?? '')?.answered === true
    return report === null && isSound ? [nameOf(asked[i] ?? '')] : []
  })
  const nowMs = clock.monotonicMs()
  return {
    asked: asked.length,
    quorum: quorumOf(view, nowMs),
    reach: {
      self: nameOf(self.id),
      members: others.map((one) => memberView(one, nameOf(one.id), answers.get(one.id), nowMs)),
      reaches: reports.flatMap((report) => report ?? []),
      mute,
    },
    dial: {
      trials: [
        ...answered.map(({ peer, trial }) => ({ from: nameOf(self.id), to: nameOf(peer), trial })),
        ...reports.flatMap((report) => report ?? []).filter((one) => one.answered),
      ],
      addresses: new Map([self, ...others].map(({ id, addresses }) => [nameOf(id), addresses])),
    },
    clocks: answered.map(({ peer, offsetMs, rttMs }) => {
      return { name: nameOf(peer), offsetMs, uncertaintyMs: rttMs / 2 }
    }),
    withSiblings: view.kv.held?.withSiblings ?? 0,
    versions: answered.map(({ peer, version }) => ({ name: nameOf(peer), version })),
    older,
  }
}

/** All in a small cluster; else some, the ones that are up first. */
function sample(
  members: readonly Member[],
  shuffle: (peers: readonly PeerId[]) => PeerId[],
): PeerId[] {
  const up = members.filter(({ state }) => state !== 'dead').map(({ id }) => id)
  // Room for this node itself in what each is asked about. The dead are known to be.
  return (up.length < PEERS_MAX ? up : shuffle(up)).slice(0, PEERS_MAX - 1)
}

type Report = Reach & { readonly trial: string }

/** null: it did not say. Nobody is asked about itself. */
async function reachOf(
  sounder: Sounder,
  member: PeerId,
  all: readonly PeerId[],
  timeoutMs: number,
  nameOf: (peer: PeerId) => string,
): Promise<Report[] | null> {
  const peers = all.filter((peer) => peer !== member)
  try {
    const reached = await sounder.reachOf(member, peers, timeoutMs)
    return reached.map(({ peer, ...rest }) => {
      return { from: nameOf(member), to: nameOf(peer), ...rest }
    })
  } catch (error) {
    // An older daemon is told of by its version.
    return isAtollError(error, 'UNSUPPORTED') ? [] : null
  }
}

function memberView(
  { state, addresses, changedAtMs }: Member,
  name: string,
  sounding: Sounding | undefined,
  nowMs: number,
): MemberView {
  return {
    name,
    state: state === 'left' ? 'dead' : state,
    sinceMs: nowMs - changedAtMs,
    addresses,
    answer: answerOf(sounding),
  }
}

function answerOf(sounding: Sounding | undefined): MemberView['answer'] {
  if (sounding === undefined) return null
  if (sounding.answered) return { rttMs: sounding.rttMs }
  // It said that it does not know the question: that is an answer.
  return sounding.why === 'UNSUPPORTED' ? { rttMs: 0 } : { why: sounding.why }
}

function quorumOf(view: ClusterView, nowMs: number): QuorumFigures | null {
  const { membership } = view
  const topology = view.topology.current()
  if (topology === null) return null
  const usable = liveDisks(topology, membership)
  const unsuspected = unsuspectedDisks(topology, membership)
  const { members, roots, partitions, replicationFactor } = topology
  const rooted = members.filter(({ storageId }) => roots.includes(storageId))
  const isDown = ({ storageId }: TopologyMember): boolean => !usable.has(storageId)
  const self = membership.self()
  const nameOf = namesOf(members)
  const calledName = ({ id }: TopologyMember): string => nameOf(id)
  return {
    members: members.length,
    replicationFactor,
    toleratesFailures: failuresTolerated(topology, unsuspected),
    partitions: partitions.length,
    withoutMajority: partitionsWithoutMajority(topology, usable).length,
    down: members.filter(isDown).map(calledName),
    suspect: members
      .filter((one) => !isDown(one) && !unsuspected.has(one.storageId))
      .map(calledName),
    roots: { names: rooted.map(calledName), down: rooted.filter(isDown).map(calledName) },
    moving: movingPartitions(topology),
    unchangedMs: nowMs - view.topologySinceMs,
    selfStores: members.some(({ storageId }) => storageId === self.storageId),
    removed:
      view.removals.self === null
        ? null
        : removalWords(view.removals.self, (id) => nameIn(members, id)),
    shouldStore: self.role === 'member' && self.capacity > 0,
  }
}

function nameIn(members: readonly TopologyMember[], peer: PeerId): string {
  return members.find(({ id }) => id === peer)?.name ?? peer
}

/** Names need not be unique; those that are not are told apart by the end of the id. */
function namesOf(members: readonly Pick<Member, 'id' | 'name'>[]): (peer: PeerId) => string {
  const counts = new Map<string, number>()
  for (const { name } of members) counts.set(name, (counts.get(name) ?? 0) + 1)
  const names = new Map(
    members.map(({ id, name }) => [
      id,
      (counts.get(name) ?? 0) > 1 ? `${name} (${endOf(id)})` : name,
    ]),
  )
  return (peer) => names.get(peer) ?? peer
}
