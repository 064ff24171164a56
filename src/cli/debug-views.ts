/** How the doctor, the timeline and the log's levels look to a person. */
import type { Incident } from '../node/api.ts'
import type { ResultOf } from '../rpc/methods.ts'
import { formatDuration } from './duration.ts'
import type { View } from './output.ts'
import { plural } from '../base/plural.ts'
import { type Colour, columns, type Paint, printable } from './terminal.ts'

/** Beside those of the table of errors: nothing fails, and something wants a look. */
const EXIT_WARNINGS = 8
const EXIT_FAILURE = 1

const SEVERITY_COLOURS: Readonly<Record<string, Colour>> = {
  ok: 'green',
  warn: 'yellow',
  fail: 'red',
}

export const doctor: View<ResultOf<'doctor'>> = {
  human: ({ findings, tookMs, asked, members }, paint) => {
    const rows = findings.flatMap(({ check, severity, seen, fix }) => [
      [paint(SEVERITY_COLOURS[severity] ?? 'bold', severity), check, printable(seen)],
      ...(fix === '' ? [] : [['', paint('dim', 'fix'), printable(fix)]]),
    ])
    const count = (what: string): number =>
      findings.filter(({ severity }) => severity === what).length
    const sums = [`${count('fail')} failed`, plural(count('warn'), 'warning'), `${count('ok')} ok`]
    const sample = members - 1 > asked ? [`${asked} of ${members - 1} others asked`] : []
    return `${columns(rows)}${[...sums, ...sample, formatDuration(tookMs)].join(' · ')}\n`
  },
  elements: ({ findings }) => findings,
  raw: ({ findings }) =>
    findings.map((one) => `${one.severity}\t${one.check}\t${one.seen}\t${one.fix}\n`).join(''),
  exit: ({ severity }) => {
    if (severity === 'fail') return EXIT_FAILURE
    return severity === 'warn' ? EXIT_WARNINGS : 0
  },
}

export const debugLog: View<ResultOf<'debug.log'>> = {
  human: ({ base, parts, start, fallsBackInMs, known }, paint) =>
    columns([
      ['all', paint('bold', base)],
      ...Object.entries(parts).map(([part, level]) => [part, paint('bold', level)]),
      fallsBackInMs === null
        ? ['', 'as it was started']
        : ['until', `in ${formatDuration(fallsBackInMs)}, then ${start}`],
      ['parts', known.join(' ')],
    ]),
  raw: ({ base, parts }) =>
    `${[base, ...Object.entries(parts).map(([part, level]) => `${part}=${level}`)].join(',')}\n`,
}

/** Incidents further apart than this are not of one story. */
const QUIET_MS = 60_000
const DAY = 10

export const debugTimeline: View<ResultOf<'debug.timeline'>> = {
  human: ({ name, fromMs, toMs, lost, incidents }, paint) => {
    const span = `${clockTime(fromMs)} to ${clockTime(toMs)} UTC`
    const sums = [...lanesOf(incidents)].map(([lane, count]) => `${count} ${lane}`).join(', ')
    const head = `${printable(name)} · ${isoDay(fromMs)} · ${span} · ${sums || 'nothing happened'}\n`
    const forgotten =
      lost === null
        ? ''
        : `… ${lost.count} earlier incidents were forgotten, up to ${clockTime(lost.untilMs)}\n`
    const rows: string[][] = []
    let beforeMs = fromMs
    for (const one of incidents) {
      if (one.atMs - beforeMs > QUIET_MS) {
        const quiet = `· quiet for ${formatDuration(one.atMs - beforeMs)}`
        rows.push(['', paint('dim', quiet)])
      }
      if (isoDay(one.atMs) !== isoDay(beforeMs)) rows.push(['', paint('dim', isoDay(one.atMs))])
      rows.push(row(one, paint))
      beforeMs = Math.max(beforeMs, one.untilMs)
    }
    return `${head}${forgotten}${columns(rows, QUIET_WIDTH)}`
  },
  elements: ({ incidents }) => incidents,
  raw: ({ incidents }) =>
    incidents
      .map((one) => {
        const cells = [iso(one.atMs), one.lane, one.level, one.event, one.subject, one.times]
        return `${[...cells, fieldsOf(one)].join('\t')}\n`
      })
      .join(''),
}

/** A note of quiet is wider than any lane, and pads none. */
const QUIET_WIDTH = 14

function row(one: Incident, paint: Paint): string[] {
  const many = one.times === 1 ? '' : ` (${one.times} times in ${formatDuration(spanOf(one))})`
  return [
    clockTime(one.atMs),
    one.lane,
    printable(one.subject) || '-',
    paintOf(one, paint)(`${printable(told(one))}${many}`),
  ]
}

function spanOf({ atMs, untilMs }: Incident): number {
  return untilMs - atMs
}

function paintOf({ level, event }: Incident, paint: Paint): (text: string) => string {
  if (level === 'error' || event === 'member.dead') return (text) => paint('red', text)
  if (level === 'warn') return (text) => paint('yellow', text)
  return (text) => text
}

type Detail = Incident['detail']

/** In words; an event without any is shown by its name and fields. */
const WORDS: Readonly<Record<string, (detail: Detail, times: number) => string>> = {
  'node.started': ({ boot, version }) => `started (start ${boot} of its disk, version ${version})`,
  'node.stopping': () => 'stopping',
  'node.removed': () => 'removed from the cluster',
  'node.log-levels': ({ levels }) => `log levels ${levels}`,
  'node.clock-stepped': ({ byMs }) =>
    `the wall clock was set ${Number(byMs) < 0 ? 'back' : 'forward'} by ${duration(Math.abs(Number(byMs)))}`,
  'node.stall': ({ lateMs }, times) => `stood still for ${longest(lateMs, times)}`,
  'swim.refute': ({ state }) => `others held this node for ${state}; it refuted`,
  'member.join': () => 'joined',
  'member.alive': ({ was }) => backFrom(was),
  'member.suspect': () => 'suspected',
  'member.dead': () => 'dead',
  'member.left': () => 'left',
  'member.reap': () => 'forgotten',
  'topology.adopted': ({ from, number, members, moving }) =>
    `topology ${from} → ${number}: ${counted(members, 'member')}, ${counted(moving, 'partition')} moving`,
  'disk.slow-sync': ({ tookMs }, times) => `a sync of the disk took ${longest(tookMs, times)}`,
  'disk.full': () => 'the disk is full',
  'disk.busy': () => 'writes were refused: the disk is behind',
  'mesh.admitted': ({ role }) => `admitted as ${role}`,
  'rpc.client-does-not-read': () => 'a client of the socket does not read',
}

function told(one: Incident): string {
  const fields = fieldsOf(one)
  return (
    WORDS[one.event]?.(one.detail, one.times) ?? `${one.event}${fields === '' ? '' : ` ${fields}`}`
  )
}

function backFrom(was: Detail[string] | undefined): string {
  if (was === 'dead' || was === 'left') return 'back'
  return was === 'suspect' ? 'alive after all' : 'started anew'
}

function fieldsOf({ detail }: Incident): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name}=${String(value).replace(/\s/g, ' ')}`)
    .join(' ')
}

function lanesOf(incidents: readonly Incident[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { lane, times } of incidents) counts.set(lane, (counts.get(lane) ?? 0) + times)
  return counts
}

function duration(ms: Detail[string] | undefined): string {
  return formatDuration(Number(ms))
}

function longest(ms: Detail[string] | undefined, times: number): string {
  return `${times > 1 ? 'up to ' : ''}${duration(ms)}`
}

function counted(count: Detail[string] | undefined, what: string): string {
  return plural(Number(count), what)
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function isoDay(ms: number): string {
  return iso(ms).slice(0, DAY)
}

/** `11:05:25.123`, as the log has it. */
function clockTime(ms: number): string {
  return iso(ms).slice(DAY + 1, -1)
}
