/**
 * The roots, who decide the next topology, as the rest of the node sees them. Reading the agreed topology is
 * `TopologyView`'s part; this interface is the only way in which anybody asks for a change of it.
 */
import type { StorageId } from '../base/ids.ts'
import type { Move } from './manual-move.ts'
import type { Outlook } from './outlook.ts'

/** A replica's word that it durably holds all data of a partition under this configuration. */
export interface Installed {
  readonly partition: number
  readonly cfg: number
}

/**
 * A former replica's word that it has offered all that it had of a partition, and durably holds
 * nothing of it any more, under this configuration.
 */
export interface Emptied {
  readonly partition: number
  readonly cfg: number
}

export interface LeaveOptions {
  /** Absent: it takes as long as it takes. */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Whether all that moved away from this disk was offered to who has it now. Default: yes. */
  readonly hasLetGo?: () => Promise<boolean>
}

export interface TopologyIssuer {
  /** Begins to watch membership. The mesh runs already. */
  start(): void
  /** Ends every task it has under way. Idempotent. */
  stop(): Promise<void>
  /**
   * Tells whoever decides that this node has these installed, and holds nothing of those.
   * Idempotent; may be forgotten by the other side, so it is sent again until a topology shows it.
   */
  report(installed: readonly Installed[], emptied: readonly Emptied[]): Promise<void>
  /**
   * Moves everything off this node. Resolves when a topology without it is known here, and it has
   * let go of all: from then on nobody needs its disk. Rejects with the signal's reason, when it
   * cannot be done, or at the deadline with what it waited for: then it may take effect later, and
   * may be asked for again.
   */
  leave(options?: LeaveOptions): Promise<void>
  /**
   * The operator's word that a disk is gone for good, or is to go: it is refused for ever, and its
   * replicas move. Resolves with the number of the topology that says so. Rejects with NOT_FOUND,
   * or NO_QUORUM when it is needed to save what it holds.
   */
  remove(storageId: StorageId): Promise<number>
  /**
   * The operator's word that one replica of a partition is to move. Resolves with the number of the
   * topology in which it does; the data follows. Rejects with NOT_FOUND, CONFLICT, or NO_QUORUM.
   */
  move(move: Move): Promise<number>
  /** What the roots would decide next, and how far movements are. Changes nothing. */
  outlook(): Promise<Outlook>
}
