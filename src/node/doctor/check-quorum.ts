/** What the cluster can bear: majorities of each partition, copies, who decides, what moves. */
import type { Finding } from '../watch-api.ts'
import { fail, listed, ok, plural, time, warn } from './finding.ts'

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
  /** Who decides topologies. */
  readonly issuer: { readonly name: string; readonly isUp: boolean } | null
  readonly moving: number
  /** Since the topology changed. */
  readonly unchangedMs: number
  /** This node should store data, and is in the topology or not. */
  readonly selfStores: boolean
  readonly shouldStore: boolean
}

export function checkQuorum(figures: QuorumFigures | null): Finding[] {
  if (figures === null) {
    const fix = 'no member that knows it has been reached: see reachability'
    return [fail('quorum', 'the topology is not known here', fix)]
  }
  return [margin(figures), ...issuer(figures), ...membership(figures), movement(figures)]
}

function margin(figures: QuorumFigures): Finding {
  const { members, replicationFactor, toleratesFailures, partitions, withoutMajority } = figures
  const { down } = figures
  const start = `start again: ${listed(down)}`
  if (withoutMajority > 0) {
    const seen = `${withoutMajority} of ${partitions} partitions lack a majority without ${listed(down)}`
    return fail('quorum', `${seen}: strict calls fail there`, start)
  }
  if (toleratesFailures > 0) {
    return ok('quorum', `${plural(toleratesFailures, 'member')} may fail now`)
  }
  if (down.length > 0) return warn('quorum', `no further failure is tolerated`, start)
  if (members < Math.min(3, replicationFactor)) {
    const seen = `no failure is tolerated: ${plural(members, 'member')} of ${replicationFactor} for each copy`
    return warn('quorum', seen, 'let more daemons join: atoll ticket create')
  }
  if (figures.moving > 0) {
    return warn('quorum', 'no failure is tolerated while data moves', 'wait until it has moved')
  }
  return warn('quorum', 'no failure is tolerated', 'let more daemons join: atoll ticket create')
}

function issuer({ issuer: one }: QuorumFigures): Finding[] {
  if (one === null || one.isUp) return []
  const seen = `${one.name} is down, which decides topologies: nobody new can store data`
  return [warn('quorum', seen, `start ${one.name} again`)]
}

function membership({ selfStores, shouldStore }: QuorumFigures): Finding[] {
  if (selfStores || !shouldStore) return []
  const seen = 'this daemon is not in the topology: it stores nothing'
  return [warn('quorum', seen, 'wait for it to be taken in; if it was removed, join anew')]
}

function movement({ moving, partitions, unchangedMs }: QuorumFigures): Finding {
  if (moving === 0) return ok('movement', 'no partition moves')
  const seen = `${moving} of ${partitions} partitions move`
  if (unchangedMs < MOVING_WARN_MS) return ok('movement', seen)
  const stuck = `${seen}, and none has arrived for ${time(unchangedMs)}`
  return warn('movement', stuck, 'see reachability and disk space of the members that take them')
}
