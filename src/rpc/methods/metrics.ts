/** How this daemon is, in numbers. */
import * as v from 'valibot'
import { call, deadline, OWN_KNOWLEDGE_MS } from '../method.ts'

const labels = v.record(v.string(), v.string())

export const metrics = call({
  name: 'metrics',
  help: 'what this daemon has counted, as Prometheus reads it',
  params: v.strictObject({ ...deadline }),
  result: v.array(
    v.object({
      name: v.string(),
      type: v.picklist(['counter', 'gauge', 'histogram']),
      help: v.string(),
      labels: v.array(v.string()),
      samples: v.array(
        v.union([
          v.object({ labels, value: v.number() }),
          v.object({
            labels,
            count: v.number(),
            sum: v.number(),
            buckets: v.pipe(
              v.array(v.object({ le: v.number(), count: v.number() })),
              v.description('how many were at most `le`; `count` is all of them'),
            ),
          }),
        ]),
      ),
    }),
  ),
  errors: [],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: { args: [], flags: [] },
  run: (node, _params, options) => node.metrics(options),
})
