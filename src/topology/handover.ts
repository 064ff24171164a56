/**
 * The last step of a leave: a majority of the roots must have the topology in which this node is
 * not, and know that it goes. If only those who go knew who decides next, nobody could decide; and
 * who does not know would take it in again.
 *
 * While too few take it, it is tried after pauses that grow, and each root is warned of once.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Log } from '../seams/log.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { pushTopology } from './push.ts'
import { type RootCalls, rootsOf } from './root-calls.ts'
import type { TopologyLog } from './topology-log.ts'
import { majorityOf } from './validate.ts'

export interface HandoverOptions {
  readonly mesh: Mesh
  readonly topology: TopologyLog
  readonly log: Log
}

/** Also the pause between two askings to go. */
const FIRST_MS = 1000
/** Roots forget who asked to go and does not ask again within three of these: see petitions.ts. */
const LAST_MS = 5000
const NOTHING = new Uint8Array()

/** Of one leave. */
export class Handover {
  readonly #options: HandoverOptions
  readonly #calls: RootCalls
  /** Roots that did not take it and were told of; at most one each that there ever was meanwhile. */
  readonly #warned = new Set<PeerId>()
  /** How many had it when it was last tried, and of how many; null: it was not tried yet. */
  #taken: { readonly by: number; readonly of: number } | null = null
  pauseMs = FIRST_MS

  constructor(options: HandoverOptions, calls: RootCalls) {
    this.#options = options
    this.#calls = calls
  }

  /** Whether so many have taken it. */
  async isTaken(ends: AbortSignal): Promise<boolean> {
    const roots = rootsOf(this.#calls.known())
    const told = await Promise.all(roots.map(({ id }) => this.#handTo(id, ends)))
    const by = told.filter(Boolean).length
    const isFirst = this.#taken === null
    this.#taken = { by, of: roots.length }
    if (by >= majorityOf(roots.length)) return true
    this.pauseMs = isFirst ? FIRST_MS : Math.min(2 * this.pauseMs, LAST_MS)
    return false
  }

  /** What to say when there is no time left. */
  late(): AtollError {
    if (this.#taken === null) {
      return new AtollError('TIMEOUT', 'the data of this node is not handed over yet', {
        outcome: 'unknown',
        hint: 'it stays a member; leave again with more time. See: atoll topology show',
      })
    }
    const { by, of } = this.#taken
    const roots = `${by} of ${of} ${of === 1 ? 'root' : 'roots'}`
    return new AtollError('NO_QUORUM', `${roots} know that this node goes: too few to let it go`, {
      outcome: 'unknown',
      hint: 'all its data is handed over; leave again when more are up. See: atoll topology show',
    })
  }

  async #handTo(peer: PeerId, ends: AbortSignal): Promise<boolean> {
    const { mesh, topology, log } = this.#options
    try {
      const { digest, encoded } = topology
      await pushTopology(mesh, peer, encoded, ends)
      // A root that knows more may have taken this node in.
      const known = await this.#calls.tell(peer, REQUEST_KINDS.TOPOLOGY_LEAVE, NOTHING, ends)
      this.#warned.delete(peer)
      return known === digest
    } catch (error) {
      if (ends.aborted) return false
      const fields = { peer, error: String(error) }
      if (this.#warned.has(peer)) log.write('debug', 'topology.root-unheard', fields)
      else log.write('warn', 'topology.handover-failed', fields)
      this.#warned.add(peer)
      return false
    }
  }
}
