/**
 * What `strace -f -ttt -T -y` tells of one process: when each text was synced to its disk, and when
 * it was answered to a client. A call that other threads interrupt in the trace comes in two lines;
 * it began at the first and ended at the second.
 */

interface SystemCall {
  readonly name: string
  readonly rest: string
  readonly beganAt: number
  readonly endedAt: number
  readonly failed: boolean
}

const LINE = /^(\d+) +(\d+\.\d+) (?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$/
const TOOK = /<(\d+\.\d+)>$/

function callsIn(trace: string): SystemCall[] {
  const open = new Map<string, { readonly rest: string; readonly at: number }>()
  const calls: SystemCall[] = []
  for (const line of trace.split('\n')) {
    const [, thread = '', time = '', resumed, begun = '', rest = ''] = LINE.exec(line) ?? []
    if (thread === '') continue
    const at = Number(time)
    if (rest.endsWith('<unfinished ...>')) {
      open.set(thread, { rest, at })
      continue
    }
    const first = resumed === undefined ? { rest: '', at } : open.get(thread)
    if (first === undefined) continue
    const whole = first.rest + rest
    const took = Number(TOOK.exec(rest)?.[1] ?? 0)
    // A line is stamped when it began; the second half of a call, when it ended.
    const endedAt = resumed === undefined ? at + took : at
    const failed = / = -1 /.test(rest)
    calls.push({ name: resumed ?? begun, rest: whole, beganAt: first.at, endedAt, failed })
  }
  return calls
}

/** By text, the end of the first fdatasync that began after it was written to a file. */
export function syncsIn(trace: string, texts: readonly string[]): Map<string, number> {
  const calls = callsIn(trace).filter(({ failed }) => !failed)
  const syncs = calls.filter(({ name }) => name === 'fdatasync')
  const writes = calls.filter(({ name }) => name.startsWith('pwrite'))
  const found = new Map<string, number>()
  for (const text of texts) {
    const write = writes.find(({ rest }) => rest.includes(text))
    if (write === undefined) continue
    const file = fileOf(write)
    const after = syncs.filter((sync) => fileOf(sync) === file && sync.beganAt >= write.endedAt)
    const [sync] = after.sort((a, b) => a.endedAt - b.endedAt)
    if (sync !== undefined) found.set(text, sync.endedAt)
  }
  return found
}

/** By text, the beginning of the write that answered a client on a unix socket. */
export function answersIn(trace: string, texts: readonly string[]): Map<string, number> {
  const answers = callsIn(trace).filter(({ name, rest }) => {
    return !name.startsWith('pwrite') && rest.includes('\\"result\\"')
  })
  const found = new Map<string, number>()
  for (const text of texts) {
    const answer = answers.find(({ rest }) => rest.includes(text))
    if (answer !== undefined) found.set(text, answer.beganAt)
  }
  return found
}

function fileOf({ rest }: SystemCall): string {
  return /^\d+<([^>]*)>/.exec(rest)?.[1] ?? ''
}
