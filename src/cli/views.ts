/** How results look to a person. One view per method of the table; a test asks for each. */
import { prometheusText } from '../base/prometheus-text.ts'
import { endOf } from '../node/naming.ts'
import type { CallName, ResultOf, WatchName } from '../rpc/methods.ts'
import { debugLog, debugTimeline, doctor } from './debug-views.ts'
import { formatDuration } from './duration.ts'
import { explain } from './explain-view.ts'
import type { View } from './output.ts'
import { state } from './state-view.ts'
import { memberRemove, topologyMove, topologyPlan } from './topology-views.ts'
import { asides, kvCounterGet, kvGet, kvSetLs, regGet, shortValue } from './value-views.ts'
import { plural } from '../base/plural.ts'
import { columns, type Paint, printable } from './terminal.ts'

type CliCall = Exclude<CallName, 'version' | 'rpc.discover'>

/** A longer key pushes its own value aside, and no other. */
const KEY_WIDTH_MAX = 40

const member: View<ResultOf<'member.show'>> = {
  human: (one, paint) => columns(memberRows(one, paint)),
}

function memberRows(one: ResultOf<'member.show'>, paint: Paint): string[][] {
  return [
    ['name', printable(one.name)],
    ['id', one.id],
    ['state', state(one.state, paint)],
    ['role', one.role],
    ['zone', printable(one.zone) || '-'],
    ['incarnation', String(one.incarnation)],
    ['addresses', one.addresses.map(printable).join(' ') || '-'],
    ['tags', tagsText(one.tags) || '-'],
  ]
}

function tagsText(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([key, value]) => printable(`${key}=${value}`))
    .join(' ')
}

const del: View<ResultOf<'kv.del'>> = {
  human: (result, paint) => writtenLine(result, 0, paint),
  raw: ({ context }) => `${context}\n`,
}

const put: View<ResultOf<'kv.put'>> = {
  ...del,
  human: (result, paint) => writtenLine(result, 1, paint),
  note: ({ replaced }) =>
    replaced === undefined ? null : `it replaced a ${replaced}, which is gone now`,
}

const counted: View<ResultOf<'kv.counter.add'>> = {
  human: ({ value }) => `${value}\n`,
  raw: ({ value }) => `${value}\n`,
  note: (result) => (result.partial ? stored(result, (_colour, text) => text) : null),
}

function setChanged(what: string): View<ResultOf<'kv.set.add'>> {
  return {
    human: (result, paint) =>
      `${paint('green', 'ok')}  ${result.changed} ${what} · ${stored(result, paint)}\n`,
    raw: ({ changed }) => `${changed}\n`,
  }
}

function stored(
  { acks, replicas, partial }: Pick<ResultOf<'kv.put'>, 'acks' | 'replicas' | 'partial'>,
  paint: Paint,
): string {
  const missing = plural(replicas - acks, 'copy', 'copies')
  const rest = partial ? ` · ${paint('yellow', 'partial')}: ${missing} pending` : ''
  return `acks ${acks}/${replicas}, durable${rest}`
}

/** `own`: values that the write itself leaves. What an outdated context left beside them is told. */
function writtenLine(result: ResultOf<'kv.del'>, own: number, paint: Paint): string {
  const { key, siblingCount } = result
  const what = `${plural(siblingCount, 'value')} ${siblingCount === 1 ? 'is' : 'are'} there`
  const see = `${paint('yellow', what)}: atoll kv get ${printable(key)} --siblings`
  const left = siblingCount > own ? ` · ${see}` : ''
  return `${paint('green', 'ok')}  ${stored(result, paint)}${left}\n`
}

const claimed: View<ResultOf<'init'>> = {
  human: ({ clusterId }, paint) => `${paint('green', 'ok')}  cluster ${clusterId}\n`,
  raw: ({ clusterId }) => `${clusterId}\n`,
}

const status: View<ResultOf<'status'>> = {
  human: (now, paint) => {
    const { alive, suspect, dead } = now.members
    const clusterRows =
      now.state === 'unclaimed'
        ? [['next', 'atoll init, or atoll join TICKET']]
        : [['cluster', now.clusterId]]
    // What one that was removed believes of the others says nothing of them.
    const healthRows =
      now.state === 'unclaimed' || now.state === 'removed'
        ? []
        : [
            ['members', `${alive} alive, ${suspect} suspect, ${dead} dead`],
            ['topology', `${now.topology}, ${plural(now.movingPartitions, 'partition')} moving`],
            ['holds', plural(now.heldPartitions, 'partition')],
            ['tolerates', plural(now.toleratesFailures, 'failure')],
          ]
    return columns([
      ['name', paint('bold', printable(now.name))],
      ['state', state(now.state, paint)],
      ['id', now.id],
      ...clusterRows,
      ...healthRows,
      ['role', now.role],
      ['addresses', now.addresses.join(' ') || '-'],
      ['up', formatDuration(now.uptimeMs)],
      ['version', now.version],
      ...now.warnings.map((warning) => [paint('yellow', 'warning'), printable(warning)]),
    ])
  },
}

const kvLs: View<ResultOf<'kv.ls'>> = {
  human: ({ entries }) =>
    columns(
      entries.map(({ key, value, siblingCount, expiresAtMs }) => [
        printable(key),
        [shortValue(value), ...asides(siblingCount, expiresAtMs)].join('  '),
      ]),
      KEY_WIDTH_MAX,
    ),
  raw: ({ entries }) => entries.map(({ key }) => `${key}\n`).join(''),
  note: ({ next }) => (next === null ? null : `more keys: --after ${JSON.stringify(next)}`),
}

const registerWritten: View<ResultOf<'reg.set'>> = {
  human: ({ version }, paint) => {
    const what = version === '' ? 'there was no value' : `version ${version}`
    return `${paint('green', 'ok')}  ${what}\n`
  },
  raw: ({ version }) => `${version}\n`,
}

const regLs: View<ResultOf<'reg.ls'>> = {
  human: ({ entries }) =>
    columns(
      entries.map(({ key, value }) => [printable(key), shortValue(value)]),
      KEY_WIDTH_MAX,
    ),
  raw: ({ entries }) => entries.map(({ key }) => `${key}\n`).join(''),
  note: ({ next }) => (next === null ? null : `more keys: --after ${JSON.stringify(next)}`),
}

const topologyShow: View<ResultOf<'topology.show'>> = {
  human: ({ number, members, roots, replicationFactor, partitions, away }, paint) => {
    const moving = partitions.filter(({ previous }) => previous !== null).length
    const held = (storageId: string) =>
      partitions.filter(({ replicas }) => replicas.includes(storageId)).length
    const isAlone = ({ name }: { name: string }) =>
      members.filter((one) => one.name === name).length === 1
    const rows = members.map((one) => [
      printable(isAlone(one) ? one.name : `${one.name} (${endOf(one.id)})`),
      state(one.state, paint),
      `${held(one.storageId)} partitions`,
      roots.includes(one.storageId) ? 'root' : '',
      printable(one.zone),
    ])
    const gone = away.map((one) => [
      printable(one.name),
      paint('yellow', 'away'),
      `old copies of ${plural(one.partitions, 'partition')}`,
      '',
      one.storageId,
    ])
    const size = plural(partitions.length, 'partition')
    return `topology ${number} · ${size} × ${replicationFactor} · ${moving} moving\n${columns([...rows, ...gone])}`
  },
}

export const VIEWS: { readonly [N in CliCall]: View<ResultOf<N>> } = {
  status,
  init: claimed,
  join: claimed,
  leave: {
    human: (_result, paint) => `${paint('green', 'ok')}  left the cluster; the daemon stops\n`,
    raw: () => '',
  },
  explain,
  metrics: { human: prometheusText, raw: prometheusText },
  'kv.put': put,
  'kv.get': kvGet,
  'kv.del': del,
  'kv.ls': kvLs,
  'kv.counter.add': counted,
  'kv.counter.get': kvCounterGet,
  'kv.set.add': setChanged('added'),
  'kv.set.rm': setChanged('removed'),
  'kv.set.ls': kvSetLs,
  'reg.get': regGet,
  'reg.set': registerWritten,
  'reg.cas': registerWritten,
  'reg.del': registerWritten,
  'reg.incr': { human: ({ value }) => `${value}\n`, raw: ({ value }) => `${value}\n` },
  'reg.ls': regLs,
  'member.ls': {
    human: (members, paint) => columns(members.map((one) => memberLine(one, paint))),
  },
  'member.show': member,
  'member.tag': member,
  'member.remove': memberRemove,
  'ticket.create': { human: ({ ticket }) => `${ticket}\n`, raw: ({ ticket }) => `${ticket}\n` },
  'ticket.revoke': {
    human: ({ revoked }, paint) =>
      revoked
        ? `${paint('green', 'ok')}  revoked\n`
        : 'nothing to revoke: no such ticket is in force (unknown, used up or expired)\n',
    raw: ({ revoked }) => `${revoked}\n`,
  },
  'topology.show': topologyShow,
  'topology.plan': topologyPlan,
  'topology.move': topologyMove,
  doctor,
  'debug.log': debugLog,
  'debug.timeline': debugTimeline,
}

const memberChange: View<ResultOf<'member.watch'>> = {
  human: ({ kind, member: one }, paint) =>
    `${state(kind, paint)}  ${printable(one.name)}  ${one.id}\n`,
  raw: ({ kind, member: one }) => `${kind}\t${one.name}\t${one.id}\n`,
}

function eventCells(event: ResultOf<'reg.watch'>): string[] {
  return event.kind === 'absent' ? [event.kind] : [event.kind, shortValue(event.value)]
}

/** Cursors are for scripts, and for who goes on: they would drown the events. */
const kvChange: View<ResultOf<'kv.watch'>> = {
  human: (event, paint) => {
    if (event.kind === 'begin') return `${paint('bold', 'begin')}  what changes from here on\n`
    if (event.kind === 'gap') return `${paint('yellow', 'gap')}  ${event.hint}\n`
    return `${[paint('bold', event.kind), ...changeCells(event).map(printable)].join('  ')}\n`
  },
  raw: (event) => {
    if (event.kind === 'begin') return 'begin\n'
    if (event.kind === 'gap') return `gap\t${event.reason}\n`
    return `${[event.kind, ...changeCells(event)].join('\t')}\n`
  },
}

type KvChange = Exclude<ResultOf<'kv.watch'>, { kind: 'begin' | 'gap' }>

function changeCells(event: KvChange): string[] {
  if (!('value' in event)) return [event.key]
  const { key, value, others } = event
  return [key, shortValue(value), ...asides(others.length + 1)]
}

/** Of the events of subscriptions. */
export const WATCH_VIEWS: { readonly [N in WatchName]: View<ResultOf<N>> } = {
  'member.watch': memberChange,
  'kv.watch': kvChange,
  'reg.watch': {
    human: (event, paint) => `${[paint('bold', event.version), ...eventCells(event)].join('  ')}\n`,
    raw: (event) => `${[event.version, ...eventCells(event)].join('\t')}\n`,
  },
}

function memberLine(one: ResultOf<'member.show'>, paint: Paint): string[] {
  const rest = [printable(one.zone), tagsText(one.tags)].filter((text) => text !== '').join(' ')
  return [printable(one.name), state(one.state, paint), one.role, one.id, rest]
}
