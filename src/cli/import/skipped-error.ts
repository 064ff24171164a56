/** What an import ends with that went to its end, but skipped something. */
import { AtollError } from '../../base/errors.ts'
import { plural } from '../../base/plural.ts'
import type { ImportUnit } from './import-entry.ts'

/** What is read, for those whose every line is wrong. */
const READ =
  'what is read: lines of {"key":…,"value":…}, what etcdctl get "" --prefix -w json and ' +
  'consul kv export print, and RDB files of Redis'

export function skippedError(unit: ImportUnit, skipped: number, imported: number): AtollError {
  const counted =
    unit === 'line' ? plural(skipped, 'bad line') : plural(skipped, 'entry', 'entries')
  const message = `${counted} ${skipped === 1 ? 'was' : 'were'} skipped`
  if (imported > 0) return new AtollError('USAGE', message, { outcome: 'applied' })
  const hint = unit === 'line' ? { hint: READ } : {}
  return new AtollError('USAGE', message, { outcome: 'not-applied', ...hint })
}
