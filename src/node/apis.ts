/**
 * What programs call, by subject, on the cluster that the node belongs to at that moment: a node may
 * leave one and join another while a program holds its interface.
 */
import { AtollError } from '../base/errors.ts'
import type { Member } from '../swim/member.ts'
import type {
  DebugApi,
  KvApi,
  MemberApi,
  MemberState,
  RegApi,
  TicketApi,
  TopologyApi,
} from './api.ts'
import type { Cluster } from './compose.ts'
import { watchMembers } from './member-watch.ts'
import { listMembers, memberNamed, tagSelf } from './members.ts'
import { movePartition, planInfo, removeMember } from './operator.ts'
import { topologyInfo } from './views.ts'
import type { SelfWatch } from './watch/self-watch.ts'

const TICKET_TTL_MS = 60 * 60 * 1000

export interface ClusterAccess {
  /** Throws UNCLAIMED or STOPPED. */
  readonly running: () => Cluster
  /** For what the members must have a part in: throws DENIED as well, once the node was removed. */
  readonly belonging: () => Cluster
}

export function kvOf({ belonging }: ClusterAccess): KvApi {
  return {
    put: async (key, value, options) => belonging().kv.put(key, value, options),
    get: async (key, options) => belonging().kv.get(key, options),
    del: async (key, options) => belonging().kv.del(key, options),
    ls: async (prefix, options) => belonging().kv.ls(prefix, options),
    watch: (prefix, options = {}) => {
      const { kv, ends } = belonging()
      return kv.watch(prefix, { ...options, signal: eitherOf(options.signal, ends) })
    },
    siblings: async (key, options) => belonging().kv.siblings(key, options),
    counter: {
      add: async (key, delta, options) => belonging().kv.counter.add(key, delta, options),
      get: async (key, options) => belonging().kv.counter.get(key, options),
    },
    set: {
      add: async (key, elements, options) => belonging().kv.set.add(key, elements, options),
      rm: async (key, elements, options) => belonging().kv.set.rm(key, elements, options),
      ls: async (key, options) => belonging().kv.set.ls(key, options),
    },
  }
}

export function regOf({ belonging }: ClusterAccess): RegApi {
  return {
    get: async (key, options) => belonging().reg.get(key, options),
    set: async (key, value, options) => belonging().reg.set(key, value, options),
    cas: async (key, value, options) => belonging().reg.cas(key, value, options),
    del: async (key, options) => belonging().reg.del(key, options),
    incr: async (key, by, options) => belonging().reg.incr(key, by, options),
    update: async (key, change, options) => belonging().reg.update(key, change, options),
    ls: async (prefix, options) => belonging().reg.ls(prefix, options),
    watch: (key, options = {}) => {
      const { reg, ends } = belonging()
      return reg.watch(key, { ...options, signal: eitherOf(options.signal, ends) })
    },
  }
}

export function memberOf({ running, belonging }: ClusterAccess): MemberApi {
  return {
    ls: async () => listMembers(running()),
    show: async (nameOrId) => memberNamed(running(), nameOrId),
    tag: async (tags) => tagSelf(belonging(), tags),
    remove: async (nameOrId) => removeMember(belonging(), nameOrId),
    watch: ({ signal } = {}) => {
      const { membership, ends, removals } = running()
      const stateOf = (member: Member): MemberState => removals.stateOf(member)
      return watchMembers(membership, stateOf, eitherOf(signal, ends))
    },
  }
}

export function ticketOf({ belonging }: ClusterAccess): TicketApi {
  const admitter = () => {
    const found = belonging().admitter
    if (found !== null) return found
    throw new AtollError('UNSUPPORTED', 'an edge admits nobody; create the ticket on a member')
  }
  return {
    create: async ({ ttlMs = TICKET_TTL_MS, uses = 1, role = 'member' } = {}) => {
      return { ticket: await admitter().createTicket({ ttlMs, uses, role }) }
    },
    revoke: async (ticket) => ({ revoked: await admitter().revokeTicket(ticket) }),
  }
}

export function topologyOf({ running, belonging }: ClusterAccess): TopologyApi {
  return {
    show: async () => {
      const cluster = running()
      return topologyInfo(cluster.knownTopology(), cluster.membership)
    },
    plan: async () => planInfo(belonging()),
    move: async (partition, options) => movePartition(belonging(), partition, options),
  }
}

/** Of the node itself, whatever it belongs to. */
export function debugOf({ logControl, incidents }: SelfWatch, name: string): DebugApi {
  return {
    log: async (levels, { forMs } = {}) =>
      levels === undefined ? logControl.show() : logControl.change(levels, forMs),
    timeline: async ({ sinceMs } = {}) => incidents.show(name, sinceMs),
  }
}

function eitherOf(signal: AbortSignal | undefined, ends: AbortSignal): AbortSignal {
  return signal === undefined ? ends : AbortSignal.any([signal, ends])
}
