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
  /** Those that follow soon are told as one: they come in crowds, and one says it all. */
  readonly merges?: true
}

const MEMBER: IncidentRule = { lane: 'member', subject: 'name' }

export const INCIDENT_EVENTS: ReadonlyMap<string, IncidentRule> = new Map<string, IncidentRule>([
  ['node.started', { lane: 'node' }],
  ['node.stopping', { lane: 'node' }],
  ['node.log-levels', { lane: 'node' }],
  ['node.clock-stepped', { lane: 'node', merges: true }],
  ['swim.refute', { lane: 'node', merges: true }],
  ['member.join', MEMBER],
  ['member.alive', MEMBER],
  ['member.suspect', MEMBER],
  ['member.dead', MEMBER],
  ['member.left', MEMBER],
  ['member.reap', MEMBER],
  ['topology.adopted', { lane: 'topology', merges: true }],
  ['topology.conflict', { lane: 'topology', merges: true }],
  ['topology.attempt-failed', { lane: 'topology', merges: true }],
  ['topology.root-silent', { lane: 'topology', subject: 'peer', merges: true }],
  ['topology.slot-refused', { lane: 'topology', subject: 'peer', merges: true }],
  ['topology.vote-of-another-disk', { lane: 'topology', subject: 'peer', merges: true }],
  ['topology.catch-up-failed', { lane: 'topology', merges: true }],
  ['topology.handover-failed', { lane: 'topology', merges: true }],
  ['node.stall', { lane: 'stall', lasted: 'lateMs', merges: true }],
  ['disk.slow-sync', { lane: 'disk', merges: true }],
  ['disk.full', { lane: 'disk', merges: true }],
  ['disk.failed', { lane: 'disk' }],
  ['swim.snapshot-failed', { lane: 'disk', merges: true }],
  ['mesh.admitted', { lane: 'mesh', subject: 'name' }],
  ['mesh.join-refused', { lane: 'mesh', merges: true }],
  ['mesh.refused', { lane: 'mesh', subject: 'peer', merges: true }],
  ['swim.bad-message', { lane: 'mesh', subject: 'member', merges: true }],
  ['disk.busy', { lane: 'load', merges: true }],
  ['rpc.client-does-not-read', { lane: 'load', merges: true }],
])
