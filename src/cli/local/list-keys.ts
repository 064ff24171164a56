/**
 * `kv ls` and `reg ls`: all pages of a prefix, one after the other. Where too few replicas answered,
 * all the rest is listed and the command ends as a failure, as `kv export` does: who takes what is not
 * there for absent would be wrong, as with a `kv get` that finds nothing at a minority.
 */
import type { RpcClient } from '../../rpc/client.ts'
import { METHODS } from '../../rpc/methods.ts'
import { callOptions, type CommandContext, withClient } from '../command.ts'
import type { View } from '../output.ts'
import { VIEWS } from '../views.ts'
import { type MissingKeys, missingError, withMissing } from './missing-keys.ts'

/** For people, who wait for the first lines. */
const PAGE_KEYS = 1000

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
    let missing: readonly MissingKeys[] = []
    let at = options.after ?? null
    let listed = 0
    for await (const page of pages(context, client, listing, prefix, options)) {
      const { entries, next } = page
      if (page.partial === true) missing = withMissing(missing, { after: at, to: next })
      at = next
      listed += entries.length
      end = { ...page, ...(page.partial !== undefined && { partial: missing.length > 0 }) }
      if (output.format === 'json') whole.push(...entries)
      else if (output.format === 'jsonl') output.result(entries, lines)
      else output.result({ ...page, next: null }, view)
    }
    if (output.format === 'json') output.result({ ...end, entries: whole }, view)
    const note = view.note?.(end)
    if (note) output.note(note)
    if (missing.length > 0) throw missingError(missing, `listed ${listed}`, 'list')
  })
}

/** All pages that are asked for. */
export async function* pages(
  context: CommandContext,
  client: RpcClient,
  listing: Listing,
  prefix: string,
  { after, limit, deadline }: ListOptions,
  pageKeys: number = PAGE_KEYS,
): AsyncGenerator<Page, void, undefined> {
  const options = callOptions(context, listing, deadline)
  let next: string | null | undefined = after
  let left = limit ?? Number.POSITIVE_INFINITY
  do {
    const params = { prefix, limit: Math.min(left, pageKeys), ...(next ? { after: next } : {}) }
    const page = (await client.call(METHODS[listing], params, options)) as Page
    yield page
    next = page.next
    left -= page.entries.length
  } while (next !== null && left > 0)
}

const lines: View<Page['entries']> = { human: () => '' }
