/** kv.watch: what changes under a prefix of the replicated store. */
import * as v from 'valibot'
import type { JsonValue, KvEvent } from '../../node/api.ts'
import { gapOf } from '../../store/watch/gap.ts'
import { watch } from '../method.ts'
import { text, value } from '../schemas.ts'
import { shownToJson } from '../values.ts'
import { found } from './kv-shapes.ts'

const cursor = v.pipe(v.string(), v.description('where the watch is after this event; opaque'))
const context = v.pipe(v.string(), v.description('give it to kv.put to replace what it covers'))

const event = v.union([
  v.object({
    kind: v.pipe(
      v.picklist(['begin']),
      v.description('the first: what is acknowledged from now on is told'),
    ),
    cursor,
  }),
  v.object({
    kind: v.pipe(
      v.picklist(['put', 'merge']),
      v.description('the key has this value now; merge: several, of writers apart'),
    ),
    ...found,
    context,
    others: v.pipe(v.array(value), v.description('of a merge: the other values, newest first')),
    cursor,
  }),
  v.object({
    kind: v.pipe(v.picklist(['delete', 'expire']), v.description('it has no value any more')),
    key: v.string(),
    context,
    cursor,
  }),
  v.object({
    kind: v.pipe(v.picklist(['gap']), v.description('changes may be missing here')),
    reason: v.pipe(
      v.picklist(['forgotten', 'slow']),
      v.description('forgotten: gone for all; slow: this reader fell behind'),
    ),
    hint: v.pipe(v.string(), v.description('what to do')),
    cursor,
  }),
])

export const kvWatch = watch({
  keeps: 'some',
  name: 'kv.watch',
  help: 'what changes under a prefix: each key in order, and every gap told',
  params: v.strictObject({
    prefix: v.exactOptional(text, ''),
    after: v.exactOptional(
      v.pipe(text, v.description('go on from the cursor of an event, at this daemon or another')),
    ),
  }),
  result: event,
  missed: ({ cursor: last }) => gapOf('slow', last),
  errors: ['UNCLAIMED', 'NO_QUORUM', 'TOO_LARGE'],
  changes: false,
  withinMs: null,
  cli: {
    help: 'what changes under a prefix, until Ctrl-C; -o jsonl gives cursors to go on from',
    args: [{ param: 'prefix', kind: 'text', help: 'what the keys begin with', optional: true }],
    flags: [
      {
        flag: '--after <cursor>',
        param: 'after',
        kind: 'text',
        help: 'go on from the cursor of an event',
      },
    ],
  },
  run: (node, { prefix, after }, { signal }) => {
    const options = { ...(after !== undefined && { after }), ...(signal && { signal }) }
    return toJson(node.kv.watch(prefix, options))
  },
})

type Valued = Extract<KvEvent, { kind: 'put' | 'merge' }>
type WireEvent =
  | Exclude<KvEvent, Valued>
  | (Omit<Valued, 'value' | 'others'> & {
      readonly value: JsonValue
      readonly others: readonly JsonValue[]
    })

async function* toJson(events: AsyncIterable<KvEvent>): AsyncGenerator<WireEvent, void> {
  for await (const each of events) {
    if (!('value' in each)) yield each
    else yield valuedToJson(each)
  }
}

function valuedToJson(each: Valued): WireEvent {
  const others = each.others.map((one) => shownToJson(one))
  return { ...each, value: shownToJson(each.value, each.type), others }
}
