/**
 * Addresses: a member may be spoken with only because it dialled the others itself. Where nobody
 * listens at the addresses that it gives out, it is lost as soon as those connections end.
 */
import type { Finding } from '../watch-api.ts'
import { plural } from '../../base/plural.ts'
import { listed, ok, warn } from './finding.ts'

export interface DialFigures {
  /** Each that tried to reach another, and found whether its addresses take a connection. */
  readonly trials: readonly {
    readonly from: string
    readonly to: string
    readonly trial: string
  }[]
  /** What each gives out. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
}

export function checkDial({ trials, addresses }: DialFigures): Finding[] {
  if (trials.length === 0) return []
  const closed = new Map<string, { readonly from: string; readonly trial: string }[]>()
  for (const { from, to, trial } of trials) {
    if (trial !== 'open') closed.set(to, [...(closed.get(to) ?? []), { from, trial }])
  }
  if (closed.size === 0) {
    return [ok('addresses', `${plural(trials.length, 'address trial')}: each finds its member`)]
  }
  return [...closed].map(([to, by]) => {
    const tried = trials.filter((each) => each.to === to).length
    const froms = listed(by.map(({ from }) => from))
    const who = by.length === tried && tried > 1 ? 'nobody can dial' : `${froms} cannot dial`
    const whys = [...new Set(by.map(({ trial }) => trial))].join(', ')
    const where = listed(addresses.get(to) ?? []) || 'any address'
    const seen = `${who} ${to} at ${where} (${whys}): only connections that it made itself hold`
    const fix = `let ${to} give out where others reach it, with --announce, or open its port to them`
    return warn('addresses', seen, fix)
  })
}
