/** The table of methods: everything that can be asked of a node, once. See method.ts. */
import type * as v from 'valibot'
import type { NodeApi } from '../node/api.ts'
import type { AnyMethod } from './method.ts'
import { debugLog, debugTimeline } from './methods/debug.ts'
import { doctor } from './methods/doctor.ts'
import { kvDel, kvGet, kvLs, kvPut } from './methods/kv.ts'
import { kvWatch } from './methods/kv-watch.ts'
import { kvCounterAdd, kvCounterGet, kvSetAdd, kvSetLs, kvSetRm } from './methods/kv-typed.ts'
import { memberLs, memberRemove, memberShow, memberTag, memberWatch } from './methods/member.ts'
import { metrics } from './methods/metrics.ts'
import { explain, init, join, leave, status } from './methods/node.ts'
import { regCas, regDel, regGet, regIncr, regLs, regSet, regWatch } from './methods/reg.ts'
import { discover, version } from './methods/rpc.ts'
import { ticketCreate, ticketRevoke } from './methods/ticket.ts'
import { topologyMove, topologyPlan, topologyShow } from './methods/topology.ts'

export const METHODS = {
  status,
  init,
  join,
  leave,
  explain,
  metrics,
  'kv.put': kvPut,
  'kv.get': kvGet,
  'kv.del': kvDel,
  'kv.ls': kvLs,
  'kv.watch': kvWatch,
  'kv.counter.add': kvCounterAdd,
  'kv.counter.get': kvCounterGet,
  'kv.set.add': kvSetAdd,
  'kv.set.rm': kvSetRm,
  'kv.set.ls': kvSetLs,
  'reg.get': regGet,
  'reg.set': regSet,
  'reg.cas': regCas,
  'reg.del': regDel,
  'reg.incr': regIncr,
  'reg.ls': regLs,
  'reg.watch': regWatch,
  'member.ls': memberLs,
  'member.show': memberShow,
  'member.tag': memberTag,
  'member.remove': memberRemove,
  'member.watch': memberWatch,
  'ticket.create': ticketCreate,
  'ticket.revoke': ticketRevoke,
  'topology.show': topologyShow,
  'topology.plan': topologyPlan,
  'topology.move': topologyMove,
  doctor,
  'debug.log': debugLog,
  'debug.timeline': debugTimeline,
  version,
  'rpc.discover': discover,
} as const

export type MethodName = keyof typeof METHODS
export type CallName = {
  [N in MethodName]: (typeof METHODS)[N]['kind'] extends 'call' ? N : never
}[MethodName]
export type WatchName = Exclude<MethodName, CallName>
export type ParamsOf<N extends MethodName> = v.InferInput<(typeof METHODS)[N]['params']>
export type ResultOf<N extends MethodName> = v.InferOutput<(typeof METHODS)[N]['result']>

/** The table as a server holds it. */
export function methodTable(): ReadonlyMap<string, AnyMethod<NodeApi>> {
  return new Map<string, AnyMethod<NodeApi>>(Object.entries(METHODS))
}
