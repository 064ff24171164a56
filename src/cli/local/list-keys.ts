/** `kv ls`, `reg ls` and `kv export`: all pages of a prefix, one after the other. */
import type { RpcClient } from '../../rpc/client.ts'
import { METHODS, type ResultOf } from '../../rpc/methods.ts'
import { valueToRequest } from '../../rpc/values.ts'
import { callOptions, type CommandContext, withClient } from '../command.ts'
import type { View } from '../output.ts'
import { VIEWS } from '../views.ts'

const PAGE_KEYS = 1000

type KvEntry = ResultOf<'kv.ls'>['entries'][number]
type Listing = 'kv.ls' | 'reg.ls'
/** Of either listing. */
interface Page {
  readonly entries: readonly { readonly key: string }[]
  readonly next: string | null
  /** Of the store's alone. */
  readonly partial?: boolean
}

export interface ListOptions {
  readonly after?: string
  readonly limit?: number
  readonly deadline?: number
}

/** As JSON one page with all that was asked for; else line by line, as the pages come. */
export async function listKeys(
  context: CommandContext,
  listing: Listing,
  prefix: string,
  options: ListOptions,
): Promise<void> {
  const { output } = context
  // A page is one of the listing's own method, and the view is that method's.
  const view = VIEWS[listing] as View<Page>
  await withClient(context, async (client) => {
    const whole: Page['entries'][number][] = []
    let end: Page = { entries: [], next: null }
    for await (const page of pages(context, client, listing, prefix, options)) {
      const partial = { partial: page.partial === true || end.partial === true }
      end = { ...page, ...(page.partial !== undefined && partial) }
      if (output.format === 'json') whole.push(...page.entries)
      else if (output.format === 'jsonl') output.result(page.entries, lines)
      else output.result({ ...page, next: null, ...(page.partial && { partial: false }) }, view)
    }
    if (output.format === 'json') output.result({ ...end, entries: whole }, view)
    const note = view.note?.(end)
    if (note) output.note(note)
  })
}

/** One JSON object a line, in every format: what `kv import` reads. */
export async function exportKeys(context: CommandContext, prefix: string): Promise<void> {
  const { output } = context
  await withClient(context, async (client) => {
    let partial = false
    let unresolved = 0
    for await (const page of pages(context, client, 'kv.ls', prefix, {})) {
      const { entries, ...rest } = page as ResultOf<'kv.ls'>
      partial ||= rest.partial
      unresolved += entries.filter(({ siblings }) => siblings > 0).length
      output.streams.out(entries.map(exportLine).join(''))
    }
    if (unresolved > 0) {
      output.note(`keys with siblings: ${unresolved}; only the newest value of each is exported`)
    }
    if (partial) output.note('partial: some replicas did not answer, keys may be missing')
  })
}

/** Text that its escapes make too long for a line of import is written as base64. */
function exportLine({ key, value }: KvEntry): string {
  const written = typeof value === 'string' ? valueToRequest(value) : value
  return `${JSON.stringify({ key, value: written })}\n`
}

async function* pages(
  context: CommandContext,
  client: RpcClient,
  listing: Listing,
  prefix: string,
  { after, limit, deadline }: ListOptions,
): AsyncGenerator<Page, void, undefined> {
  const options = callOptions(context, listing, deadline)
  let next: string | null | undefined = after
  let left = limit ?? Number.POSITIVE_INFINITY
  do {
    const params = { prefix, limit: Math.min(left, PAGE_KEYS), ...(next ? { after: next } : {}) }
    const page = (await client.call(METHODS[listing], params, options)) as Page
    yield page
    next = page.next
    left -= page.entries.length
  } while (next !== null && left > 0)
}

const lines: View<Page['entries']> = { human: () => '' }
