/** How the topology looks to a person: what it is, and what would become of it. */
import type { ResultOf } from '../rpc/methods.ts'
import type { View } from './output.ts'
import { plural } from '../base/plural.ts'
import { columns, type Paint, printable } from './terminal.ts'

type Plan = ResultOf<'topology.plan'>

/** Lines of a list; the rest is counted. */
const LINES_MAX = 12
/** Partitions named of one loss. */
const NAMED_MAX = 8

export const topologyPlan: View<Plan> = {
  human: (plan, paint) =>
    columns([
      ['topology', `${plan.number}, ${movingText(plan)}`],
      [
        'roots',
        `${namesText(plan.roots)}${plan.decider === '' ? '' : `; ${printable(plan.decider)} proposes`}`,
      ],
      ...(plan.blocked === null ? [] : [[paint('red', 'blocked'), printable(plan.blocked)]]),
      ['next', nextText(plan)],
      ...(plan.joins.length === 0 ? [] : [['', `joins: ${namesText(plan.joins)}`]]),
      ...(plan.goes.length === 0 ? [] : [['', `goes: ${namesText(plan.goes)}`]]),
      ...cut(plan.moves.map(moveText)).map((line) => ['', line]),
      ...movingRows(plan),
      ...lossRows(plan, paint),
    ]),
}

export const topologyMove: View<ResultOf<'topology.move'>> = {
  human: ({ partition, from, to, topology }, paint) =>
    `${paint('green', 'ok')}  partition ${partition} moves from ${printable(from)} to ${printable(to)}` +
    ` in topology ${topology}; see: atoll topology plan\n`,
}

export const memberRemove: View<ResultOf<'member.remove'>> = {
  human: ({ name, topology }, paint) =>
    `${paint('green', 'ok')}  ${printable(name)} is refused since topology ${topology}; ` +
    'what it held moves: atoll topology plan\n',
}

function movingText({ moving }: Plan): string {
  if (moving.length === 0) return 'nothing moves'
  const arrived = moving.filter(({ waitsFor }) => waitsFor.length === 0).length
  const far =
    arrived === 0 ? 'none has' : arrived === 1 ? '1 of them has' : `${arrived} of them have`
  return `${plural(moving.length, 'partition')} under way, ${far} arrived`
}

/** While something moves, that comes first: what moves is not planned anew before it has arrived. */
function nextText({ reasons, moving, blocked }: Plan): string {
  if (blocked !== null) return 'nothing, as long as that is so'
  if (reasons.length > 0) return reasons.join(', ')
  if (moving.length === 0) return 'nothing would change'
  return 'when what moves has arrived, its old copies are let go; nothing else is planned until then'
}

function moveText({ partition, from, to }: Plan['moves'][number]): string {
  const change = [
    ...(to.length === 0 ? [] : [`to ${namesText(to)}`]),
    ...(from.length === 0 ? [] : [`from ${namesText(from)}`]),
  ]
  return `partition ${partition} ${change.join(' ')}`
}

function movingRows({ moving }: Plan): string[][] {
  const lines = moving.map((each) => {
    const all = each.installed.length + each.waitsFor.length
    const waits = each.waitsFor.length === 0 ? '' : `, waits for ${namesText(each.waitsFor)}`
    return `${moveText(each)}: ${each.installed.length} of ${all} installed${waits}`
  })
  return cut(lines).map((line, i) => [i === 0 ? 'moving' : '', line])
}

/** Only what would stop something: the rest is as it should be. */
function lossRows({ losses }: Plan, paint: Paint): string[][] {
  const bad = losses.filter(({ partitions, decisions }) => partitions.length > 0 || decisions)
  if (bad.length === 0)
    return [['losses', 'no further loss of one member or zone would stop anything more']]
  const lines = bad.map(({ kind, name, partitions, decisions }) => {
    const named = partitions.slice(0, NAMED_MAX).join(' ')
    const more = partitions.length > NAMED_MAX ? ' …' : ''
    const stops = [
      ...(partitions.length === 0 ? [] : [`${partitions.length} partitions (${named}${more})`]),
      ...(decisions ? ['decisions'] : []),
    ]
    return `${kind} ${printable(name) || "''"} would stop ${stops.join(' and ')}`
  })
  return cut(lines).map((line, i) => [i === 0 ? paint('yellow', 'losses') : '', line])
}

function cut(lines: readonly string[]): readonly string[] {
  if (lines.length <= LINES_MAX) return lines
  const rest = lines.length - LINES_MAX
  return [...lines.slice(0, LINES_MAX), `and ${rest} more: see -o json`]
}

function namesText(names: readonly string[]): string {
  return names.map(printable).join(' ') || '-'
}
