/**
 * `kv import`: lines of JSON into the store, many at once, in one pass over a file of any size.
 *
 * A line that is no `{"key","value"}` is named by its number and skipped, and the command fails at
 * the end; any other failure stops it and names the line to resume from, before which everything
 * has been acknowledged. Putting a line twice does no harm.
 */
import { pipe } from 'it-pipe'
import { createReadStream, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import * as v from 'valibot'
import { AtollError, type ErrorCode, type Outcome } from '../../base/errors.ts'
import type { RpcClient } from '../../rpc/client.ts'
import { jsonExcess } from '../../rpc/json-scan.ts'
import { RPC_LIMITS } from '../../rpc/limits.ts'
import { METHODS } from '../../rpc/methods.ts'
import { key, value } from '../../rpc/schemas.ts'
import { describeIssues } from '../../rpc/validation.ts'
import { type CommandContext, withClient } from '../command.ts'
import { formatDuration } from '../duration.ts'
import { type ImportLine, importLines } from './import-lines.ts'
import { ImportProgress } from './import-progress.ts'

export interface ImportOptions {
  /** The first line is 1. */
  readonly resumeFrom: number
  readonly inFlight: number
}

/** Bad lines that are named; the rest are counted. */
const NAMED_MAX = 20
/** A put that met a passing trouble is tried again this often. */
const ATTEMPTS = 3

/** A put waits behind all that are under way; a daemon that stands still is given up then. */
const PATIENCE = { patienceMs: 60_000 }

/** Then the line itself is bad, and the next one may be good. */
const AT_FAULT: readonly ErrorCode[] = ['USAGE', 'TOO_LARGE']

const record = v.object({ key, value })

interface Summary {
  readonly imported: number
  readonly bad: number
  readonly seconds: number
  readonly perSecond: number
}

export async function importFile(
  context: CommandContext,
  file: string,
  options: ImportOptions,
): Promise<void> {
  const { output } = context
  const bytes = file === '-' ? null : sizeOf(file)
  const progress = new ImportProgress(output.streams, bytes, output.format === 'human')
  const summary = await withClient(context, (client) =>
    new Import(context, client, options, progress).run(opened(file)),
  ).finally(() => progress.end())
  output.result(summary, {
    human: ({ imported, bad, seconds, perSecond }) => {
      const ok = bad === 0 ? 'ok  ' : ''
      return `${ok}imported ${imported} in ${formatDuration(seconds * 1000)} (${perSecond}/s)\n`
    },
  })
  if (summary.bad > 0) {
    const lines = summary.bad === 1 ? '1 bad line was' : `${summary.bad} bad lines were`
    const outcome = summary.imported === 0 ? 'not-applied' : 'applied'
    throw new AtollError('USAGE', `${lines} skipped`, { outcome })
  }
}

class Import {
  readonly #context: CommandContext
  readonly #client: RpcClient
  readonly #options: ImportOptions
  readonly #progress: ImportProgress
  /** Lines under way, at most `inFlight`, in the order they came. */
  readonly #underWay = new Set<number>()
  #line = 0
  #imported = 0
  #bad = 0
  #failure: AtollError | null = null
  #wake: (() => void) | null = null

  constructor(
    context: CommandContext,
    client: RpcClient,
    options: ImportOptions,
    progress: ImportProgress,
  ) {
    this.#context = context
    this.#client = client
    this.#options = options
    this.#progress = progress
  }

  async run(input: Readable): Promise<Summary> {
    const started = performance.now()
    const interrupted = this.#context.interrupted()
    const stop = () => this.#fail(new AtollError('CANCELLED', 'interrupted'))
    interrupted.addEventListener('abort', stop, { once: true })
    await this.#read(input)
    while (this.#underWay.size > 0 && this.#failure === null) await this.#change()
    if (this.#failure !== null) throw this.#resumable(this.#failure)
    const seconds = (performance.now() - started) / 1000
    const perSecond = Math.round(this.#imported / Math.max(seconds, 0.001))
    return { imported: this.#imported, bad: this.#bad, seconds, perSecond }
  }

  async #read(input: Readable): Promise<void> {
    try {
      await pipe(
        input,
        (chunks: AsyncIterable<Buffer>) => this.#counted(chunks),
        (chunks) => importLines(chunks, RPC_LIMITS.lineBytesMax),
        (lines) => this.#putAll(lines),
      )
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const unread = new AtollError('USAGE', `the input cannot be read (${code ?? message})`)
      this.#fail(error instanceof AtollError ? error : unread)
    } finally {
      input.destroy()
    }
  }

  async *#counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      yield chunk
      this.#progress.read(chunk.length, this.#imported)
    }
  }

  async #putAll(lines: AsyncIterable<ImportLine>): Promise<void> {
    for await (const line of lines) {
      await this.#onLine(line)
      if (this.#failure !== null) return
    }
  }

  async #onLine(line: ImportLine): Promise<void> {
    this.#line++
    if (this.#failure !== null || this.#line < this.#options.resumeFrom) return
    if (typeof line === 'string' && line.trim() === '') return
    const read = typeof line === 'string' ? readRecord(line) : line.wrong
    if (typeof read === 'string') return this.#skip(this.#line, read)
    while (this.#underWay.size >= this.#options.inFlight) {
      await this.#change()
      if (this.#failure !== null) return
    }
    this.#put(this.#line, read)
  }

  #put(line: number, params: object): void {
    this.#underWay.add(line)
    this.#attempt(params, 1).then(
      () => {
        this.#underWay.delete(line)
        this.#imported++
        this.#changed()
      },
      (error: AtollError) => {
        if (!AT_FAULT.includes(error.code)) return this.#fail(error)
        this.#underWay.delete(line)
        this.#skip(line, error.message)
        this.#changed()
      },
    )
  }

  async #attempt(params: object, attempt: number): Promise<unknown> {
    try {
      const { timeoutMs } = this.#context.options
      const options = timeoutMs === undefined ? PATIENCE : { deadlineMs: timeoutMs }
      return await this.#client.call(METHODS['kv.put'], params, options)
    } catch (error) {
      const passing = error instanceof AtollError && error.retryable && error.code !== 'UNREACHABLE'
      if (!passing || attempt >= ATTEMPTS || this.#failure !== null) throw error
      return await this.#attempt(params, attempt + 1)
    }
  }

  #skip(line: number, why: string): void {
    this.#bad++
    if (this.#bad <= NAMED_MAX) this.#progress.say(`line ${line}: ${why}; skipped`)
    else if (this.#bad === NAMED_MAX + 1) this.#progress.say('further bad lines are only counted')
  }

  #fail(error: AtollError): void {
    this.#failure ??= error
    this.#changed()
  }

  /** Everything before the first line that is still under way has been acknowledged. */
  #resumable(error: AtollError): AtollError {
    const [first = this.#line + 1] = this.#underWay
    const { code, message } = error
    return new AtollError(code, `at line ${first}, with ${this.#imported} imported: ${message}`, {
      outcome: this.#outcome(error),
      hint: `continue with --resume-from ${first}`,
      cause: error,
    })
  }

  /** Of the whole import. The line that failed is still under way, as are those after it. */
  #outcome(error: AtollError): Outcome {
    if (this.#imported > 0) return 'applied'
    if (this.#underWay.size === 0) return 'not-applied'
    return this.#underWay.size > 1 || error.code === 'CANCELLED' ? 'unknown' : error.outcome
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #changed(): void {
    this.#wake?.()
  }
}

/** Parameters of `kv.put`, or what is wrong with the line. */
function readRecord(line: string): object | string {
  const { depthMax, elementsMax } = RPC_LIMITS
  if (jsonExcess(line, depthMax, elementsMax) !== null) return 'too deep or too many elements'
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return 'not JSON'
  }
  const parsed = v.safeParse(record, json)
  if (!parsed.success) return describeIssues(parsed.issues)
  return { key: parsed.output.key, value: parsed.output.value }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    throw new AtollError('USAGE', `${file} cannot be read (${code})`)
  }
}

function opened(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file)
}
