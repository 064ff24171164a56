/** How `explain` looks to a person: where a key lives and why, on one screen. */
import type { ResultOf } from '../rpc/methods.ts'
import { formatDuration } from './duration.ts'
import type { View } from './output.ts'
import { state } from './state-view.ts'
import { columns, type Paint, printable } from './terminal.ts'

type Found = ResultOf<'explain'>
type Replica = Found['replicas'][number]

/** Writes of one replica that are shown; the rest is counted. */
const WRITES_MAX = 3
/** Peers of a lookup. */
const FOUND_MAX = 8
const CONTEXT_WIDTH = 48

export const explain: View<Found> = {
  human: (found, paint) => {
    const rows = [
      ['key', printable(found.key)],
      ['kad id', found.kadId],
      ['partition', `${found.partition} of ${found.partitions}, here since topology ${found.cfg}`],
      ...labelled('replicas', replicaLines(found, paint)),
      ...labelled('passed', found.passed.map(passedText)),
      ...(isStored(found) ? storeRows(found) : []),
      ...registerRows(found.register),
      ...(isStored(found) ? [] : [['kv', 'nothing']]),
      ...labelled('lookup', lookupLines(found)),
      ...found.notes.map((note) => ['note', printable(note)]),
    ]
    return columns(rows)
  },
}

function labelled(label: string, lines: readonly string[]): string[][] {
  return lines.map((line, i) => [i === 0 ? label : '', line])
}

/** Columns of their own. */
function replicaLines(found: Found, paint: Paint): string[] {
  const { replicas } = found
  const rows = replicas.map((each) => [
    printable(each.name || each.storageId),
    state(each.state, paint),
    each.part === 'replica' ? rankText(each.rank) : `${rankText(each.rank)}, ${each.part}`,
    `${each.load}/${each.loadMax} partitions`,
    heldText(each, isStored(found), paint),
  ])
  return columns(rows).split('\n').slice(0, -1)
}

function rankText(rank: number): string {
  if (rank === 0) return 'no member'
  if (rank === 1) return 'nearest'
  const ends: Readonly<Record<number, string>> = { 1: 'st', 2: 'nd', 3: 'rd' }
  const isTeen = rank % 100 > 10 && rank % 100 < 14
  return `${rank}${isTeen ? 'th' : (ends[rank % 10] ?? 'th')} nearest`
}

/** Whether any replica knows of the key in the store: else it says so once, and not of each. */
function isStored({ replicas }: Found): boolean {
  return replicas.some(({ context }) => context !== '')
}

function heldText(replica: Replica, someHas: boolean, paint: Paint): string {
  const { answered, context, isCurrent, writes, siblingCount } = replica
  if (!answered) return paint('red', 'no answer')
  if (!someHas) return ''
  const behind = isCurrent ? '' : `  ${paint('yellow', 'behind')}`
  if (context === '') return `kv: nothing${behind}`
  const shown = writes.slice(0, WRITES_MAX).map(writeText)
  const more = writes.length > WRITES_MAX ? [`${writes.length - WRITES_MAX} more`] : []
  const siblings = siblingCount > 1 ? `${siblingCount} siblings: ` : ''
  return `kv: ${siblings}${[...shown, ...more].join(', ')}${behind}`
}

function writeText({ kind, bytes, count, by, expiresAtMs }: Replica['writes'][number]): string {
  const from = by === '' ? '' : ` by ${printable(by)}`
  if (kind === 'set') return `set of ${count}, ${bytes} B`
  if (kind === 'counter') return `counter ${count}`
  if (kind === 'deleted') return `deleted${from}`
  const size = `${kind} ${bytes} B${from}`
  return expiresAtMs === null || kind === 'expired'
    ? size
    : `${size}, ends ${wallText(expiresAtMs)}`
}

function wallText(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

const PASSED: Readonly<Record<Found['passed'][number]['reason'], string>> = {
  'takes-nothing': 'takes no data',
  full: 'full',
  'same-zone': 'a replica is in its zone',
  'not-moved': 'not moved for distance alone',
}

function passedText({ name, rank, reason }: Found['passed'][number]): string {
  return `${printable(name)}  ${rankText(rank)}: ${PASSED[reason]}`
}

/** One line where all agree on what they have seen. */
function storeRows(found: Found): string[][] {
  const holders = new Map<string, string[]>()
  for (const { context, name, storageId } of found.replicas) {
    if (context === '') continue
    holders.set(context, [...(holders.get(context) ?? []), printable(name || storageId)])
  }
  const lines = [...holders].map(([context, names]) => `${shortText(context)}  ${names.join(' ')}`)
  return labelled('context', lines)
}

/** They grow with the disks that ever coordinated a write; the end is a checksum. */
function shortText(context: string): string {
  if (context.length <= CONTEXT_WIDTH) return context
  return `${context.slice(0, 8)}…${context.slice(-12)}`
}

function lookupLines({ lookup }: Found): string[] {
  const { found, tookMs, why } = lookup
  const names = found.slice(0, FOUND_MAX).map(({ name, is }) => {
    return is === 'replica' ? printable(name) : `(${printable(name)})`
  })
  const more = found.length > FOUND_MAX ? [`and ${found.length - FOUND_MAX} more`] : []
  const who = found.length === 0 ? 'nobody answered' : [...names, ...more].join(' ')
  return [`${who}  in ${formatDuration(tookMs)}`, ...why.map(printable)]
}

type RegisterFound = ResultOf<'explain'>['register']
const NEXT_CHANGE: Readonly<Record<RegisterFound['next'], string>> = {
  'one-round': 'one round',
  'two-rounds': 'two rounds: first asks what was accepted',
  moving: 'two rounds, of old and new replicas: the partition moves',
  'no-quorum': 'NO_QUORUM: too few replicas answer',
}

/** In short where nobody knows of a register, unless one could not even be made. */
function registerRows({ next, proposer, replicas }: RegisterFound): string[][] {
  const isHeld = replicas.some(({ version, accepted }) => version !== '' || accepted !== '')
  if (!isHeld && next !== 'no-quorum') return [['reg', 'nothing']]
  const rows = replicas.map(({ name, answered, version, hasValue, promised, accepted }) => {
    if (!answered) return `${printable(name)}  no answer`
    const what = version === '' ? 'nothing' : `${version}${hasValue ? '' : '  deleted'}`
    const ballots = `accepted ${accepted || '-'}  promised ${promised || '-'}`
    return `${printable(name)}  ${what}  ${printable(ballots)}`
  })
  const by = proposer === '' || next === 'no-quorum' ? '' : `, proposed by ${printable(proposer)}`
  return [
    ...rows.map((row, i) => [i === 0 ? 'reg' : '', row]),
    ['a change', `${NEXT_CHANGE[next]}${by}`],
  ]
}
