/**
 * `leave` lasts as long as the data takes to go, and has no end of its own. People are shown how much is
 * left and whether it goes; scripts ask `status` meanwhile. Given up, the daemon stays a member, and
 * what has gone comes back to it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { AtollError, isAtollError } from '../../base/errors.ts'
import type { RpcClient } from '../../rpc/client.ts'
import { METHODS, type ResultOf } from '../../rpc/methods.ts'
import { callOptions, type CommandContext, withClient } from '../command.ts'
import { formatDuration } from '../duration.ts'
import { plural } from '../../base/plural.ts'
import { type Streams } from '../terminal.ts'
import { VIEWS } from '../views.ts'

const LOOK_MS = 300
/** Between two lines, where the last one cannot be drawn over. */
const LINE_MS = 5000
/** Whoever waits in vain wants to know it. */
const STALLED_MS = 30_000

export async function leaveCluster(context: CommandContext): Promise<void> {
  const { output } = context
  const interrupted = context.interrupted()
  const options = { ...callOptions(context, 'leave'), signal: interrupted }
  await withClient(context, async (client) => {
    const ended = new AbortController()
    const showing = output.format === 'human' ? show(output.streams, client, ended.signal) : null
    try {
      await client.call(METHODS.leave, {}, options)
    } catch (error) {
      if (!interrupted.aborted || !isAtollError(error, 'CANCELLED')) throw error
      throw new AtollError('CANCELLED', 'interrupted', {
        outcome: error.outcome,
        hint: 'unless it has left, it stays a member, and what has gone comes back: atoll status',
        cause: error,
      })
    } finally {
      ended.abort()
      await showing
    }
  })
  output.result(null, VIEWS.leave)
}

/** Until it has ended; never rejects. */
async function show(streams: Streams, client: RpcClient, ended: AbortSignal): Promise<void> {
  const left = new Left(streams)
  try {
    for (;;) {
      await sleep(LOOK_MS, undefined, { signal: ended })
      left.is(await client.call(METHODS.status, {}, { signal: ended }))
    }
  } catch {
    left.end()
  }
}

/** How much is left, as it is told. */
class Left {
  readonly #streams: Streams
  #partitions = Number.POSITIVE_INFINITY
  /** When it became fewer. */
  #sinceMs = performance.now()
  #nextLineMs = 0
  #isDrawn = false

  constructor(streams: Streams) {
    this.#streams = streams
  }

  is(status: unknown): void {
    // The client has checked it by the method's schema.
    const { heldPartitions } = status as ResultOf<'status'>
    const now = performance.now()
    if (heldPartitions < this.#partitions) this.#sinceMs = now
    this.#partitions = heldPartitions
    const { errIsTerminal, err } = this.#streams
    const text = this.#text(now - this.#sinceMs)
    if (errIsTerminal) {
      this.#isDrawn = true
      return err(`\r\u001b[K${text}`)
    }
    if (now < this.#nextLineMs) return
    this.#nextLineMs = now + LINE_MS
    err(`${text}\n`)
  }

  end(): void {
    if (this.#isDrawn) this.#streams.err('\r\u001b[K')
  }

  #text(idleMs: number): string {
    const what =
      this.#partitions > 0
        ? `handing over: ${plural(this.#partitions, 'partition')} left here`
        : 'no partitions left here: waiting until the others have all, and most roots know it'
    const idle = idleMs < STALLED_MS ? '' : ` · nothing for ${formatDuration(idleMs)}: atoll doctor`
    return `${what}${idle} · Ctrl-C: stay a member`
  }
}
