/** Where a watch may have missed something, and what its reader does about it. */
import type { KvEvent } from '../api.ts'

type Gap = Extract<KvEvent, { kind: 'gap' }>

const HINTS: Readonly<Record<Gap['reason'], string>> = {
  forgotten: 'changes before this may be missing: list the prefix, then go on',
  slow: 'the reader fell behind: watch again from the last cursor before this one',
}

export function gapOf(reason: Gap['reason'], cursor: string): Gap {
  return { kind: 'gap', reason, hint: HINTS[reason], cursor }
}
