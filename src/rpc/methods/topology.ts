/** topology: which members store data, and which replicas hold which partition. */
import * as v from 'valibot'
import { call, deadline, DECISION_MS, OWN_KNOWLEDGE_MS } from '../method.ts'
import { memberStateOrUnknown, namedRead, text, whole } from '../schemas.ts'

export const topologyShow = call({
  name: 'topology.show',
  help: 'show the topology in force',
  params: v.strictObject({ ...namedRead, ...deadline }),
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
        former: v.pipe(
          v.array(v.string()),
          v.description('disks that were replicas and may still hold old copies'),
        ),
      }),
    ),
    away: v.pipe(
      v.array(v.object({ storageId: v.string(), name: v.string(), partitions: v.number() })),
      v.description('disks with old copies that are no members: deletions are kept for them'),
    ),
  }),
  errors: ['UNCLAIMED'],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: { args: [], flags: [] },
  run: (node, _params, options) => node.topology.show(options),
})

const names = v.array(v.string())
const moveFields = {
  partition: v.number(),
  from: v.pipe(names, v.description('who gives a replica up')),
  to: v.pipe(names, v.description('who takes one')),
}

export const topologyPlan = call({
  name: 'topology.plan',
  help: 'what would change and why, how far movements are, what would stop with whom',
  params: v.strictObject({ ...deadline }),
  result: v.object({
    number: v.number(),
    decider: v.pipe(v.string(), v.description("the root that would propose it; '': none answers")),
    blocked: v.pipe(v.nullable(v.string()), v.description('why nothing can change now')),
    reasons: v.pipe(names, v.description('what would change; empty when nothing would')),
    joins: names,
    goes: names,
    roots: names,
    moves: v.array(v.object(moveFields)),
    moving: v.array(
      v.object({
        ...moveFields,
        installed: v.pipe(names, v.description('replicas that hold everything')),
        waitsFor: names,
      }),
    ),
    losses: v.pipe(
      v.array(
        v.object({
          kind: v.picklist(['member', 'zone']),
          name: v.string(),
          partitions: v.pipe(v.array(v.number()), v.description('would lack a majority')),
          decisions: v.pipe(v.boolean(), v.description('too few roots would be left')),
        }),
      ),
      v.description('what the loss of one would stop, beyond what has stopped already'),
    ),
  }),
  errors: ['UNCLAIMED', 'NO_QUORUM'],
  changes: false,
  withinMs: DECISION_MS,
  cli: { args: [], flags: [] },
  run: (node, _params, options) => node.topology.plan(options),
})

export const topologyMove = call({
  name: 'topology.move',
  help: 'move one replica of a partition to another member',
  params: v.strictObject({
    partition: whole,
    to: v.pipe(text, v.description('name or id of the member that takes it')),
    from: v.exactOptional(v.pipe(text, v.description('name or id of the one that gives it up'))),
    ...deadline,
  }),
  result: v.object({
    partition: v.number(),
    from: v.string(),
    to: v.string(),
    topology: v.pipe(v.number(), v.description('the topology in which it moves')),
  }),
  errors: ['UNCLAIMED', 'NOT_FOUND', 'CONFLICT', 'NO_QUORUM'],
  changes: true,
  withinMs: DECISION_MS,
  cli: {
    args: [{ param: 'partition', kind: 'integer', help: 'its number; see: atoll explain KEY' }],
    flags: [
      { flag: '--to <member>', param: 'to', kind: 'text', help: 'the member that takes it' },
      {
        flag: '--from <member>',
        param: 'from',
        kind: 'text',
        help: 'the replica that gives it up; by default one in the same zone, else the fullest',
      },
    ],
  },
  run: (node, { partition, to, from }, options) => {
    const giver = from === undefined ? {} : { from }
    return node.topology.move(partition, { ...options, to, ...giver })
  },
})
