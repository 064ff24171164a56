/** topology: which members store data, and which replicas hold which partition. */
import * as v from 'valibot'
import { call, deadline, OWN_KNOWLEDGE_MS } from '../method.ts'
import { memberStateOrUnknown } from '../schemas.ts'

export const topologyShow = call({
  name: 'topology.show',
  help: 'show the topology in force',
  params: v.strictObject({ ...deadline }),
  result: v.object({
    number: v.number(),
    members: v.array(
      v.object({
        storageId: v.string(),
        id: v.string(),
        name: v.string(),
        state: memberStateOrUnknown,
        zone: v.string(),
        capacity: v.number(),
      }),
    ),
    roots: v.pipe(v.array(v.string()), v.description('storage ids that decide the next one')),
    replicationFactor: v.number(),
    partitions: v.array(
      v.object({
        cfg: v.pipe(v.number(), v.description('topology in which this replica set came to be')),
        replicas: v.array(v.string()),
        previous: v.pipe(
          v.nullable(v.array(v.string())),
          v.description('the set that still holds data while it moves'),
        ),
      }),
    ),
  }),
  errors: ['UNCLAIMED'],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: { args: [], flags: [] },
  run: (node, _params, options) => node.topology.show(options),
})
