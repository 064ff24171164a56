/** What a node shows of a register: who holds what, and what a change would do now. */
import { type Ballot, isBallot } from '../paxos/ballot.ts'
import type { Inspection } from '../paxos/inspect.ts'
import { versionOf } from '../paxos/version.ts'
import type { Topology } from '../topology/topology.ts'
import type { Explanation, RegisterExplanation } from './api.ts'

/** Replicas in the order in which they are `shown` already. */
export function registerExplanation(
  topology: Topology,
  shown: Explanation['replicas'],
  { replicas, proposer, next }: Inspection,
): RegisterExplanation {
  const named = new Map(topology.members.map(({ storageId, name }) => [storageId, name]))
  const nameOf = (id: string): string => named.get(id) ?? id
  const ballotText = (ballot: Ballot): string => {
    const { cfg, counter, storageId, boot } = ballot
    return isBallot(ballot) ? `${cfg}.${versionOf(counter)}.${nameOf(storageId)}.${boot}` : ''
  }
  const rows = shown.map(({ storageId, name }) => {
    const held = replicas.get(storageId)
    return {
      storageId,
      name,
      answered: held !== undefined,
      version: held === undefined || held.revision === 0 ? '' : versionOf(held.revision),
      hasValue: held?.hasValue ?? false,
      promised: held === undefined ? '' : ballotText(held.promised),
      accepted: held === undefined ? '' : ballotText(held.accepted),
      installed: held?.installed ?? false,
    }
  })
  return { next, proposer: proposer === null ? '' : nameOf(proposer), replicas: rows }
}
