/** This process: its disk and what is on it, its event loop, its version against those of others. */
import type { LoopLag } from '../watch/loop-watch.ts'
import { STALL_MS } from '../watch/loop-watch.ts'
import { SLOW_SYNC_MS, type SyncFigures } from '../watch/sync-times.ts'
import type { Finding } from '../watch-api.ts'
import type { DiskProbe } from './disk-probe.ts'
import { plural } from '../../base/plural.ts'
import { fail, listed, ok, time, warn } from './finding.ts'

/** Every acknowledged write waits for one; a spinning disk takes 10 ms, a good one 1 to 3. */
export const SYNC_WARN_MS = 50
/** Every reply waits for it; an idle process is late by one or two milliseconds. */
export const LAG_WARN_MS = 50

export function checkSync(
  probe: DiskProbe | { readonly error: string },
  recent: SyncFigures,
): Finding[] {
  const other = 'give the data directory a disk of its own, or a faster one'
  if ('error' in probe) {
    return [
      fail('fsync', `the data directory cannot be written: ${probe.error}`, 'look at the disk'),
    ]
  }
  const now = `fsync takes ${time(probe.medianMs)} (worst of 8: ${time(probe.worstMs)})`
  const before = recent.count === 0 ? '' : `, lately at most ${time(recent.worstMs)}`
  const seen = `${now}${before}`
  if (probe.medianMs >= SLOW_SYNC_MS) return [fail('fsync', seen, other)]
  const slow = probe.medianMs >= SYNC_WARN_MS || recent.worstMs >= SLOW_SYNC_MS
  return [slow ? warn('fsync', seen, `${other}; see: atoll debug timeline`) : ok('fsync', seen)]
}

export function checkLoop({ worstMs, p95Ms }: LoopLag): Finding[] {
  const seen = `the event loop is late by up to ${time(p95Ms)}, at worst ${time(worstMs)} (last minute)`
  const fix =
    'unless it was stopped on purpose, machine or process are too busy: see atoll debug timeline'
  if (p95Ms >= STALL_MS) return [fail('event loop', seen, fix)]
  const late = p95Ms >= LAG_WARN_MS || worstMs >= STALL_MS
  return [late ? warn('event loop', seen, fix) : ok('event loop', seen)]
}

/** A note: they are values that the store keeps as it promises, and wait for somebody to choose. */
export function checkSiblings(withSiblings: number): Finding[] {
  if (withSiblings === 0) return []
  const has = withSiblings === 1 ? 'has' : 'have'
  const seen = `${plural(withSiblings, 'key')} on this disk ${has} siblings; atoll kv ls marks them`
  return [ok('siblings', seen)]
}

export interface VersionOf {
  readonly name: string
  readonly version: string
}

/** `others` answered; `older` answered that they do not know the question. */
export function checkVersions(
  own: string,
  others: readonly VersionOf[],
  older: readonly string[],
): Finding[] {
  const different = others.filter(({ version }) => version !== own)
  if (different.length === 0 && older.length === 0) {
    return others.length === 0 ? [] : [ok('versions', `all members asked run ${own}`)]
  }
  const shown = different.map(({ name, version }) => `${name} ${version}`)
  const too = older.map((name) => `${name} an older one`)
  const seen = `this daemon runs ${own}, ${listed([...shown, ...too])}`
  return [warn('versions', seen, 'finish the upgrade: install one version everywhere')]
}
