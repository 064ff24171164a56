/** What the cluster can bear: majorities of each partition, copies, who decides, what moves. */
import { majorityOf } from '../../topology/validate.ts'
import type { Finding } from '../watch-api.ts'
import { plural } from '../../base/plural.ts'
import { fail, listed, ok, time, warn } from './finding.ts'

/** A healthy movement of a whole disk may take this long; the topology changes with each step. */
export const MOVING_WARN_MS = 600_000

export interface QuorumFigures {
  /** Members that store data. */
  readonly members: number
  readonly replicationFactor: number
  readonly toleratesFailures: number
  readonly partitions: number
  /** Partitions that have no majority now. */
  readonly withoutMajority: number
  /** Names of members that store data and are down. */
  readonly down: readonly string[]
  /** Of those that are not: who may be down soon. */
  readonly suspect: readonly string[]
  /** The members that decide topologies, and which of them are down. */
  readonly roots: { readonly names: readonly string[]; readonly down: readonly string[] }
  readonly moving: number
  /** Since the topology changed. */
  readonly unchangedMs: number
  /** This node should store data, and is in the topology or not. */
  readonly selfStores: boolean
  readonly shouldStore: boolean
  /** That this node belongs to the cluster no more, in a sentence, and what to do. */
  readonly removed: { readonly what: string; readonly fix: string } | null
}

export function checkQuorum(figures: QuorumFigures | null): Finding[] {
  if (figures === null) {
    const fix = 'no member that knows it has been reached: see reachability'
    return [fail('quorum', 'the topology is not known here', fix)]
  }
  if (figures.removed !== null) return [fail('quorum', figures.removed.what, figures.removed.fix)]
  return [margin(figures), ...rooted(figures), ...membership(figures), movement(figures)]
}

function margin(figures: QuorumFigures): Finding {
  const { members, replicationFactor, toleratesFailures, partitions, withoutMajority } = figures
  const { down, suspect } = figures
  const start = `start again: ${listed(down)}`
  if (withoutMajority > 0) {
    const seen = `${withoutMajority} of ${partitions} partitions lack a majority without ${listed(down)}`
    return fail('quorum', `${seen}: strict calls fail there`, start)
  }
  if (toleratesFailures > 0) {
    return ok('quorum', `${plural(toleratesFailures, 'member')} may fail now`)
  }
  if (down.length > 0) {
    const fix = `${start}; who is gone for good: atoll member remove NAME`
    return warn('quorum', 'no further failure is tolerated', fix)
  }
  if (members < Math.min(3, replicationFactor)) {
    const seen = `no failure is tolerated: ${plural(members, 'member')} of ${replicationFactor} for each copy`
    return warn('quorum', seen, 'let more daemons join: atoll ticket create')
  }
  if (suspect.length > 0) {
    const seen = `no failure is tolerated while there are suspects: ${listed(suspect)}`
    return warn('quorum', seen, 'wait some seconds; until then, see their reachability')
  }
  if (figures.moving > 0) {
    return warn('quorum', 'no failure is tolerated while data moves', 'wait until it has moved')
  }
  return warn('quorum', 'no failure is tolerated', 'let more daemons join: atoll ticket create')
}

/** Without a majority of the roots nobody comes, goes, or is replaced. */
function rooted({ roots, members }: QuorumFigures): Finding[] {
  const { names, down } = roots
  if (down.length > names.length - majorityOf(names.length)) {
    const part = `${down.length} of ${plural(names.length, 'root')} down (${listed(down)})`
    const seen = `${part}: nobody new can store data, and nothing can move`
    return [warn('quorum', seen, `start again: ${listed(down)}`)]
  }
  if (names.length > 1 || members === 1) return []
  const seen = `one root alone decides topologies, ${listed(names)}: its loss needs recover`
  return [warn('quorum', seen, 'let a third member join, which makes them three')]
}

function membership({ selfStores, shouldStore }: QuorumFigures): Finding[] {
  if (selfStores || !shouldStore) return []
  const seen = 'this daemon is not in the topology: it stores nothing'
  return [warn('quorum', seen, 'wait for it to be taken in')]
}

function movement({ moving, partitions, unchangedMs }: QuorumFigures): Finding {
  if (moving === 0) return ok('movement', 'no partition moves')
  const seen = `${moving} of ${partitions} partitions move`
  if (unchangedMs < MOVING_WARN_MS) return ok('movement', seen)
  const stuck = `${seen}, and none has arrived for ${time(unchangedMs)}`
  return warn('movement', stuck, 'see reachability and disk space of the members that take them')
}
