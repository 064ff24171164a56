/**
 * `kv export`: one JSON object a line, what `kv import` reads, in key order, to standard output or
 * a file. A file that broke off is gone on with after its last whole line; it has been written to
 * the disk when the command ends well. Where too few replicas answered, what there is is given out,
 * and the command ends as a failure that says between which keys some may be missing.
 */
import { AtollError } from '../../base/errors.ts'
import type { JsonValue } from '../../node/api.ts'
import type { ResultOf } from '../../rpc/methods.ts'
import { valueToRequest } from '../../rpc/values.ts'
import { SCAN_ENTRIES_MAX } from '../../store/limits.ts'
import { type CommandContext, withClient } from '../command.ts'
import { formatDuration } from '../duration.ts'
import { Progress } from '../progress.ts'
import { ExportFile } from './export-file.ts'
import { pages } from './list-keys.ts'
import { type MissingKeys, missingError, withMissing } from './missing-keys.ts'

export interface ExportOptions {
  readonly to?: string
  readonly resume?: boolean
  readonly after?: string
}

/** Of a page: it is better waited for than left out. */
const PAGE_MS = 10_000

type KvPage = ResultOf<'kv.ls'>

interface Summary {
  readonly exported: number
  readonly bytes: number
  readonly seconds: number
  /** Keys of which a value is not in it. */
  readonly unresolved: number
  /** Where keys may be missing, because too few replicas answered. */
  readonly missing: readonly MissingKeys[]
}

export async function exportKeys(
  context: CommandContext,
  prefix: string,
  options: ExportOptions,
): Promise<void> {
  const { resume = false, after } = options
  const to = options.to === '-' ? undefined : options.to
  if (resume && (to === undefined || after !== undefined)) {
    throw new AtollError('USAGE', '--resume goes on with a file: give --to FILE, and no --after')
  }
  const file = to === undefined ? null : await ExportFile.open(to, resume)
  try {
    const from = file === null ? after : resumedAfter(file, prefix, after)
    const exporting = new Export(context, file)
    const summary = await exporting.run(prefix, from)
    const { missing, exported } = summary
    const isNone = exported === 0 && missing.length === 0 && from === undefined
    if (isNone && prefix !== '') {
      // `kv import` takes a file in this place.
      const how = file === null ? '; a file to write is named by --to' : ''
      context.output.warn(`no key begins with ${JSON.stringify(prefix)}${how}`)
    }
    if (file !== null) context.output.result(summary, { human: summaryText })
    if (missing.length > 0) throw missingError(missing, `exported ${exported}`, 'export')
  } finally {
    await file?.close()
  }
}

function summaryText({ exported, bytes, seconds, missing }: Summary): string {
  const ok = missing.length === 0 ? 'ok  ' : ''
  return `${ok}exported ${exported} (${bytes} bytes) in ${formatDuration(seconds * 1000)}\n`
}

function resumedAfter(
  { lastKey }: ExportFile,
  prefix: string,
  after: string | undefined,
): string | undefined {
  if (lastKey === null) return after
  if (lastKey.startsWith(prefix)) return lastKey
  throw new AtollError('USAGE', `the file ends with a key that does not begin with "${prefix}"`)
}

class Export {
  readonly #context: CommandContext
  readonly #file: ExportFile | null
  readonly #progress: Progress
  #exported = 0
  #bytes = 0
  #last: string | null = null

  constructor(context: CommandContext, file: ExportFile | null) {
    const { streams, format } = context.output
    this.#context = context
    this.#file = file
    // A bar among the lines themselves would be seen by nobody.
    const shown = format === 'human' && (file !== null || !streams.outIsTerminal)
    this.#progress = new Progress(streams, 'exported', null, shown && streams.errIsTerminal)
  }

  async run(prefix: string, after: string | undefined): Promise<Summary> {
    const started = performance.now()
    const { output } = this.#context
    let missing: readonly MissingKeys[] = []
    let at = after ?? null
    let unresolved = 0
    try {
      await withClient(this.#context, async (client) => {
        const deadline = this.#context.options.timeoutMs ?? PAGE_MS
        const options = { deadline, ...(after !== undefined && { after }) }
        const all = pages(this.#context, client, 'kv.ls', prefix, options, SCAN_ENTRIES_MAX)
        for await (const page of all) {
          // A page of the listing that was asked for.
          const { entries, next, partial } = page as KvPage
          if (partial) missing = withMissing(missing, { after: at, to: next })
          at = next
          unresolved += entries.filter(({ siblingCount }) => siblingCount > 1).length
          await this.#write(entries)
        }
      })
      await this.#file?.sync()
    } catch (error) {
      throw this.#resumable(error)
    } finally {
      this.#progress.end()
    }
    if (unresolved > 0) {
      output.warn(`keys with siblings: ${unresolved}; only the newest value of each is exported`)
    }
    const seconds = (performance.now() - started) / 1000
    return { exported: this.#exported, bytes: this.#bytes, seconds, unresolved, missing }
  }

  async #write(entries: KvPage['entries']): Promise<void> {
    const lines = Buffer.from(entries.map(exportLine).join(''))
    const { streams } = this.#context.output
    if (this.#file !== null) await this.#file.append(lines)
    else {
      streams.out(lines)
      // Who reads more slowly than the cluster is read holds up the next page.
      await streams.drained()
    }
    this.#exported += entries.length
    this.#bytes += lines.length
    this.#last = entries.at(-1)?.key ?? this.#last
    this.#progress.read(lines.length, this.#exported)
  }

  #resumable(error: unknown): unknown {
    if (!(error instanceof AtollError)) return error
    const { code, message, hint, outcome } = error
    const how =
      this.#file !== null
        ? 'continue with --resume'
        : this.#last === null
          ? null
          : `continue with --after ${JSON.stringify(this.#last)}`
    if (how === null || this.#exported === 0) return error
    return new AtollError(code, `with ${this.#exported} exported: ${message}`, {
      outcome,
      hint: hint === undefined ? how : `${hint}; ${how}`,
      cause: error,
    })
  }
}

function exportLine({ key, value, type, expiresAtMs }: KvPage['entries'][number]): string {
  const written = type === 'set' && Array.isArray(value) ? value.map(short) : short(value)
  return `${JSON.stringify({ key, value: written, type, expiresAtMs })}\n`
}

/** Text that its escapes make too long for a line of import is written as base64. */
function short(value: JsonValue): JsonValue {
  return typeof value === 'string' ? valueToRequest(value) : value
}
