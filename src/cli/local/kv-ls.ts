/** `kv ls` and `kv export`: all pages of a prefix, one after the other. */
import type { RpcClient } from '../../rpc/client.ts'
import { METHODS, type ResultOf } from '../../rpc/methods.ts'
import { valueToRequest } from '../../rpc/values.ts'
import { callOptions, type CommandContext, withClient } from '../command.ts'
import type { View } from '../output.ts'
import { VIEWS } from '../views.ts'

const PAGE_KEYS = 1000

type Page = ResultOf<'kv.ls'>
type Entry = Page['entries'][number]

export interface ListOptions {
  readonly after?: string
  readonly limit?: number
}

/** As JSON one page with all that was asked for; else line by line, as the pages come. */
export async function listKeys(
  context: CommandContext,
  prefix: string,
  options: ListOptions,
): Promise<void> {
  const { output } = context
  await withClient(context, async (client) => {
    const whole: Entry[] = []
    let end: Page = { entries: [], next: null, partial: false }
    for await (const page of pages(context, client, prefix, options)) {
      end = { ...page, partial: page.partial || end.partial }
      if (output.format === 'json') whole.push(...page.entries)
      else if (output.format === 'jsonl') output.result(page.entries, lines)
      else output.result({ ...page, next: null, partial: false }, VIEWS['kv.ls'])
    }
    if (output.format === 'json') output.result({ ...end, entries: whole }, VIEWS['kv.ls'])
    const note = VIEWS['kv.ls'].note?.(end)
    if (note) output.note(note)
  })
}

/** One JSON object a line, in every format: what `kv import` reads. */
export async function exportKeys(context: CommandContext, prefix: string): Promise<void> {
  const { output } = context
  await withClient(context, async (client) => {
    let partial = false
    let unresolved = 0
    for await (const page of pages(context, client, prefix, {})) {
      partial ||= page.partial
      unresolved += page.entries.filter(({ siblings }) => siblings > 0).length
      output.streams.out(page.entries.map(exportLine).join(''))
    }
    if (unresolved > 0) {
      output.note(`keys with siblings: ${unresolved}; only the newest value of each is exported`)
    }
    if (partial) output.note('partial: some replicas did not answer, keys may be missing')
  })
}

/** Text that its escapes make too long for a line of import is written as base64. */
function exportLine({ key, value }: Entry): string {
  const written = typeof value === 'string' ? valueToRequest(value) : value
  return `${JSON.stringify({ key, value: written })}\n`
}

async function* pages(
  context: CommandContext,
  client: RpcClient,
  prefix: string,
  { after, limit }: ListOptions,
): AsyncGenerator<Page, void, undefined> {
  let next: string | null | undefined = after
  let left = limit ?? Number.POSITIVE_INFINITY
  do {
    const params = { prefix, limit: Math.min(left, PAGE_KEYS), ...(next ? { after: next } : {}) }
    const page = (await client.call(
      METHODS['kv.ls'],
      params,
      callOptions(context, 'kv.ls'),
    )) as Page
    yield page
    next = page.next
    left -= page.entries.length
  } while (next !== null && left > 0)
}

const lines: View<readonly Entry[]> = { human: () => '' }
