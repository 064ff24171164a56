/** One sentence for a person: what happened, what is known of the outcome, what to do next. */
import { AtollError } from '../base/errors.ts'

/** `error NO_QUORUM: 1 of 3 replicas answered in 2 s; nothing was changed. See: atoll explain x` */
export function errorLine(error: AtollError, changes: boolean): string {
  const message = error.message.replace(/\s+/g, ' ').replace(/\.$/, '')
  const hint = error.hint === undefined ? '' : `. ${capital(error.hint)}`
  return `error ${error.code}: ${message}${outcomeClause(error, changes)}${hint}`
}

/** Whatever was thrown, as an error of the table. */
export function asAtollError(error: unknown): AtollError {
  if (error instanceof AtollError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new AtollError('INTERNAL', message, { outcome: 'unknown', cause: error })
}

function outcomeClause(error: AtollError, changes: boolean): string {
  if (!changes) return ''
  if (error.outcome === 'not-applied') return '; nothing was changed'
  // An error of what was done is of an import: some of it was skipped, or not reached.
  return error.outcome === 'applied' ? '; it was done in part' : '; whether it was done is unknown'
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
