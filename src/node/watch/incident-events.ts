/**
 * Which log lines are incidents: what one wants to see on one axis after a bad night. EVENTS.md
 * tells what each means; a test holds both together.
 */
import type { IncidentLane } from '../watch-api.ts'

export interface IncidentRule {
  readonly lane: IncidentLane
  /** Field that names whom it is about. */
  readonly subject?: string
  /** Field that tells how long it had lasted when it was told of. */
  readonly lasted?: string
  /**
   * Those that follow soon are told as one: they come in crowds, and one says it all. `next`: only
   * while nothing else happens, where what lies between them is the story.
   */
  readonly merges?: 'any' | 'next'
}

const MEMBER: IncidentRule = { lane: 'member', subject: 'name' }

export const INCIDENT_EVENTS: ReadonlyMap<string, IncidentRule> = new Map<string, IncidentRule>([
  ['node.started', { lane: 'node' }],
  ['node.stopping', { lane: 'node' }],
  ['node.removed', { lane: 'node' }],
  ['node.log-levels', { lane: 'node' }],
  ['node.clock-stepped', { lane: 'node', merges: 'any' }],
  ['swim.refute', { lane: 'node', merges: 'any' }],
  ['member.join', MEMBER],
  ['member.alive', MEMBER],
  ['member.suspect', MEMBER],
  ['member.dead', MEMBER],
  ['member.left', MEMBER],
  ['member.reap', MEMBER],
  ['topology.adopted', { lane: 'topology', merges: 'next' }],
  ['topology.conflict', { lane: 'topology', merges: 'any' }],
  ['topology.attempt-failed', { lane: 'topology', merges: 'any' }],
  ['topology.root-silent', { lane: 'topology', subject: 'peer', merges: 'any' }],
  ['topology.slot-refused', { lane: 'topology', subject: 'peer', merges: 'any' }],
  ['topology.vote-of-another-disk', { lane: 'topology', subject: 'peer', merges: 'any' }],
  ['topology.catch-up-failed', { lane: 'topology', merges: 'any' }],
  ['topology.handover-failed', { lane: 'topology', merges: 'any' }],
  ['node.stall', { lane: 'stall', lasted: 'lateMs', merges: 'any' }],
  ['disk.slow-sync', { lane: 'disk', merges: 'any' }],
  ['disk.full', { lane: 'disk', merges: 'any' }],
  ['disk.failed', { lane: 'disk' }],
  ['swim.snapshot-failed', { lane: 'disk', merges: 'any' }],
  ['mesh.admitted', { lane: 'mesh', subject: 'name' }],
  ['mesh.join-refused', { lane: 'mesh', merges: 'any' }],
  ['mesh.refused', { lane: 'mesh', subject: 'peer', merges: 'any' }],
  ['paxos.refused', { lane: 'mesh', subject: 'peer', merges: 'any' }],
  ['swim.bad-message', { lane: 'mesh', subject: 'member', merges: 'any' }],
  ['disk.busy', { lane: 'load', merges: 'any' }],
  ['rpc.client-does-not-read', { lane: 'load', merges: 'any' }],
])
