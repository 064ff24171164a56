/**
 * `kv import`: lines of JSON, or a dump of another store, many puts at once, in one pass over an
 * input of any size.
 *
 * What cannot be stored is named by its number and skipped, and the command fails at the end; any
 * other failure stops it and names where to resume from, before which everything has been
 * acknowledged. Putting twice does no harm, but to a counter before all have heard of the first.
 */
import { pipe } from 'it-pipe'
import type { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { AtollError, type ErrorCode, isAtollError, type Outcome } from '../../base/errors.ts'
import type { RpcClient } from '../../rpc/client.ts'
import { METHODS, type ParamsOf } from '../../rpc/methods.ts'
import { TTL_MS_MAX } from '../../store/limits.ts'
import { type CommandContext, withClient } from '../command.ts'
import { formatDuration } from '../duration.ts'
import { Progress } from '../progress.ts'
import { openDump } from './dump.ts'
import type { DumpFormat } from './dump-formats.ts'
import { type ImportEntry, type ImportUnit, paramsOf, type PutEntry } from './import-entry.ts'
import { isRdb, opened, sizeOf } from './import-file.ts'
import { checkRdbFile } from './redis/check-rdb-file.ts'
import { skippedError } from './skipped-error.ts'
import { Tally } from './tally.ts'

export interface ImportOptions {
  /** The first line or entry is 1. */
  readonly resumeFrom: number
  readonly inFlight: number
  readonly from?: DumpFormat
  /** Of Redis. */
  readonly db?: number
}

/** Bad entries that are named; the rest are counted. */
const NAMED_MAX = 20
/** A put that met a passing trouble is tried again, to so many times in all. */
const ATTEMPTS = 3
/** The same of one that met full queues: each time after twice the wait. */
const BUSY_ATTEMPTS = 8
const BUSY_WAIT_MS = 20
/** Of values under way: less than a daemon lets wait for its disk and for each of its peers. */
const BYTES_UNDER_WAY = 8 * 1024 * 1024

/** A put waits behind all that are under way; a daemon that stands still is given up then. */
const PATIENCE = { patienceMs: 60_000 }

/** Then the entry itself is bad, and the next one may be good. */
const AT_FAULT: readonly ErrorCode[] = ['USAGE', 'TOO_LARGE']

const EXPIRED = 'whose time is over'
const END_EARLIER = 'that end earlier than they should: in a century'

interface Summary {
  readonly imported: number
  readonly bad: number
  readonly seconds: number
  readonly perSecond: number
  readonly from: DumpFormat
}

export async function importFile(
  context: CommandContext,
  file: string,
  options: ImportOptions,
): Promise<void> {
  const { output } = context
  const bytes = file === '-' ? null : sizeOf(file)
  if (file !== '-' && isRdb(file, options.from)) await checkRdbFile(file)
  const progress = new Progress(output.streams, 'imported', bytes, output.format === 'human')
  const importing = new Import(context, options, progress)
  const summary = await withClient(context, (client) =>
    importing.run(client, opened(file)),
  ).finally(() => progress.end())
  for (const note of importing.notes()) output.note(note)
  output.result(summary, {
    human: ({ imported, bad, seconds, perSecond }) => {
      const ok = bad === 0 ? 'ok  ' : ''
      return `${ok}imported ${imported} in ${formatDuration(seconds * 1000)} (${perSecond}/s)\n`
    },
  })
  if (summary.bad > 0) throw importing.skipped(summary)
}

class Import {
  readonly #context: CommandContext
  readonly #options: ImportOptions
  readonly #progress: Progress
  readonly #tally = new Tally()
  /** Puts under way, at most `inFlight`, by number in the order they came, and their bytes. */
  readonly #underWay = new Map<number, number>()
  #bytesUnderWay = 0
  #client: RpcClient | null = null
  #format: DumpFormat = 'atoll'
  #unit: ImportUnit = 'line'
  /** The last that was stored, skipped or is under way. */
  #at = 0
  #imported = 0
  #bad = 0
  #failure: AtollError | null = null
  /** By the failure: a pipe may have nothing more to say for long. */
  readonly #failed = Promise.withResolvers<void>()
  #wake: (() => void) | null = null

  constructor(context: CommandContext, options: ImportOptions, progress: Progress) {
    this.#context = context
    this.#options = options
    this.#progress = progress
  }

  async run(client: RpcClient, input: Readable): Promise<Summary> {
    this.#client = client
    const started = performance.now()
    const interrupted = this.#context.interrupted()
    const stop = () => this.#fail(new AtollError('CANCELLED', 'interrupted'))
    interrupted.addEventListener('abort', stop, { once: true })
    await this.#read(input)
    while (this.#underWay.size > 0 && this.#failure === null) await this.#change()
    if (this.#failure !== null) throw this.#resumable(this.#failure)
    this.#checkReached()
    const seconds = (performance.now() - started) / 1000
    const perSecond = Math.round(this.#imported / Math.max(seconds, 0.001))
    const bad = this.#bad + this.#tally.failed
    return { imported: this.#imported, bad, seconds, perSecond, from: this.#format }
  }

  /** An import may be resumed at its very end; beyond, the number is of another input. */
  #checkReached(): void {
    const { resumeFrom } = this.#options
    if (this.#at + 1 >= resumeFrom) return
    const has = this.#at === 0 ? `no ${this.#unit}` : `no ${this.#unit} after ${this.#at}`
    const message = `--resume-from ${resumeFrom} is beyond the end: the input has ${has}`
    throw new AtollError('USAGE', message)
  }

  notes(): readonly string[] {
    return this.#tally.notes()
  }

  skipped({ bad, imported }: Summary): AtollError {
    return skippedError(this.#unit, bad, imported)
  }

  async #read(input: Readable): Promise<void> {
    try {
      const reading = pipe(
        input,
        (chunks: AsyncIterable<Buffer>) => this.#counted(chunks),
        (chunks) => this.#entries(chunks),
        (entries) => this.#putAll(entries),
      )
      await Promise.race([reading, this.#failed.promise])
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const unread = new AtollError('USAGE', `the input cannot be read (${code ?? message})`)
      // What was under way when the input turned out bad is waited for: it says where to resume.
      while (this.#underWay.size > 0 && this.#failure === null) await this.#change()
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

  async *#entries(chunks: AsyncIterable<Buffer>): AsyncGenerator<ImportEntry> {
    const { from, db: database } = this.#options
    const options = { from, database }
    const dump = await openDump(chunks, options, (text) => this.#tally.note(text))
    this.#format = dump.format
    this.#unit = dump.unit
    yield* dump.entries
  }

  async #putAll(entries: AsyncIterable<ImportEntry>): Promise<void> {
    for await (const entry of entries) {
      await this.#onEntry(entry)
      if (this.#failure !== null) return
      this.#at = entry.at
    }
  }

  async #onEntry(entry: ImportEntry): Promise<void> {
    if (this.#failure !== null || entry.at < this.#options.resumeFrom) return
    if (entry.kind === 'wrong') return this.#skip(entry.at, entry.why)
    if (entry.kind === 'left-out') return this.#tally.leftOut(entry)
    const { at, expiresAtMs } = entry
    if (expiresAtMs !== undefined && expiresAtMs <= Date.now()) {
      return this.#tally.leftOut({ kind: 'left-out', at, why: EXPIRED, fails: false })
    }
    if (expiresAtMs !== undefined && expiresAtMs - Date.now() > TTL_MS_MAX) {
      this.#tally.lost(END_EARLIER)
    }
    if (entry.lost !== undefined) this.#tally.lost(entry.lost)
    const bytes = JSON.stringify(entry.value).length
    while (this.#isFull(bytes)) {
      await this.#change()
      if (this.#failure !== null) return
    }
    this.#put(entry, bytes)
  }

  #isFull(bytes: number): boolean {
    const { size } = this.#underWay
    return (
      size >= this.#options.inFlight || (size > 0 && this.#bytesUnderWay + bytes > BYTES_UNDER_WAY)
    )
  }

  #put(entry: PutEntry, bytes: number): void {
    const { at } = entry
    this.#underWay.set(at, bytes)
    this.#bytesUnderWay += bytes
    this.#attempt(paramsOf(entry), 1).then(
      () => {
        this.#imported++
        this.#ended(at)
      },
      (error: AtollError) => {
        if (!AT_FAULT.includes(error.code)) return this.#fail(error)
        this.#skip(at, error.message)
        this.#ended(at)
      },
    )
  }

  #ended(at: number): void {
    this.#bytesUnderWay -= this.#underWay.get(at) ?? 0
    this.#underWay.delete(at)
    this.#changed()
  }

  async #attempt(params: ParamsOf<'kv.put'>, attempt: number): Promise<unknown> {
    try {
      const { timeoutMs } = this.#context.options
      const options = timeoutMs === undefined ? PATIENCE : { deadlineMs: timeoutMs }
      return await this.#client?.call(METHODS['kv.put'], params, options)
    } catch (error) {
      const passing = error instanceof AtollError && error.retryable && error.code !== 'UNREACHABLE'
      const isBusy = isAtollError(error, 'BUSY')
      const isLast = attempt >= (isBusy ? BUSY_ATTEMPTS : ATTEMPTS)
      // Through another replica, which has not heard of the first, it would count beside it.
      const mayCountTwice = params.type === 'counter' && passing && error.outcome === 'unknown'
      if (!passing || isLast || mayCountTwice || this.#failure !== null) throw error
      if (isBusy) await setTimeout(BUSY_WAIT_MS * 2 ** attempt)
      return await this.#attempt(params, attempt + 1)
    }
  }

  #skip(at: number, why: string): void {
    this.#bad++
    const what = this.#unit === 'line' ? 'bad lines' : 'such entries'
    if (this.#bad <= NAMED_MAX) this.#progress.say(`${this.#unit} ${at}: ${why}; skipped`)
    else if (this.#bad === NAMED_MAX + 1) this.#progress.say(`further ${what} are only counted`)
  }

  #fail(error: AtollError): void {
    this.#failure ??= error
    this.#failed.resolve()
    this.#changed()
  }

  /** Everything before the first that is still under way has been acknowledged. */
  #resumable(error: AtollError): AtollError {
    if (this.#at === 0 && this.#underWay.size === 0 && error.code === 'USAGE') return error
    const [first = Math.max(this.#at + 1, this.#options.resumeFrom)] = this.#underWay.keys()
    const { code, message } = error
    const where = `at ${this.#unit} ${first}, with ${this.#imported} imported: ${message}`
    const hint = error.hint === undefined ? '' : `${error.hint}; `
    return new AtollError(code, where, {
      outcome: this.#outcome(error),
      hint: `${hint}continue with --resume-from ${first}`,
      cause: error,
    })
  }

  /** Of the whole import. What failed is still under way, as is what came after it. */
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
