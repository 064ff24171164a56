/** The bare verbs: this daemon, and its belonging to a cluster. */
import * as v from 'valibot'
import { call, deadline, keyDeadline, OWN_KNOWLEDGE_MS } from '../method.ts'
import { key, memberStateOrUnknown, role, text } from '../schemas.ts'

/** Opening ports; for a joiner also the dialogue with each of the ticket's addresses. */
const CLAIM_MS = 120_000
/** Two seconds for the replicas and the live lookup together, on an edge two more to find them. */
const EXPLAIN_MS = 4000

const claimed = v.object({ clusterId: v.string() })

export const status = call({
  name: 'status',
  help: 'how this daemon and its cluster are',
  params: v.strictObject({ ...deadline }),
  result: v.object({
    id: v.string(),
    name: v.string(),
    clusterId: v.pipe(v.string(), v.description("'' while unclaimed")),
    storageId: v.string(),
    version: v.string(),
    state: v.picklist(['unclaimed', 'joining', 'running', 'removed', 'leaving', 'stopping']),
    role,
    addresses: v.array(v.string()),
    uptimeMs: v.number(),
    members: v.object({ alive: v.number(), suspect: v.number(), dead: v.number() }),
    topology: v.number(),
    movingPartitions: v.number(),
    heldPartitions: v.pipe(
      v.number(),
      v.description(
        'partitions that lie here, those included that move away; leave brings it to 0',
      ),
    ),
    toleratesFailures: v.pipe(
      v.number(),
      v.description('members that may fail now without any partition losing its majority'),
    ),
    warnings: v.array(v.string()),
  }),
  errors: [],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: { args: [], flags: [] },
  run: (node, _params, options) => node.status(options),
})

export const init = call({
  name: 'init',
  help: 'found a cluster with this daemon as its first member',
  params: v.strictObject({ ...deadline }),
  result: claimed,
  errors: ['ALREADY_CLAIMED', 'UNSUPPORTED', 'ADDRESS_IN_USE', 'CONFIG_INVALID', 'STORAGE_FAILED'],
  changes: true,
  withinMs: CLAIM_MS,
  cli: { args: [], flags: [] },
  run: (node, _params, options) => node.init(options),
})

export const join = call({
  name: 'join',
  help: 'join the cluster that a ticket names',
  params: v.strictObject({ ticket: text, ...deadline }),
  result: claimed,
  errors: [
    'ALREADY_CLAIMED',
    'TICKET_INVALID',
    'WRONG_CLUSTER',
    'DENIED',
    'UNREACHABLE',
    'ADDRESS_IN_USE',
    'CONFIG_INVALID',
    'STORAGE_FAILED',
  ],
  changes: true,
  withinMs: CLAIM_MS,
  cli: {
    args: [{ param: 'ticket', kind: 'secret', help: 'the ticket, @FILE or -' }],
    flags: [],
  },
  run: (node, params, options) => node.join(params.ticket, options),
})

export const leave = call({
  name: 'leave',
  help: 'hand the data over, say goodbye, and stop the daemon',
  params: v.strictObject({ ...deadline }),
  result: v.null(),
  errors: ['UNCLAIMED', 'NO_QUORUM', 'UNSUPPORTED'],
  changes: true,
  withinMs: null,
  cli: { args: [], flags: [] },
  run: async (node, _params, options) => {
    await node.leave(options)
    return null
  },
})

const replica = v.object({
  storageId: v.string(),
  name: v.string(),
  state: memberStateOrUnknown,
  part: v.picklist(['replica', 'comes', 'goes']),
  rank: v.pipe(v.number(), v.description('1: nearest to the partition of all members')),
  load: v.pipe(v.number(), v.description('partitions that it holds')),
  loadMax: v.pipe(v.number(), v.description('partitions that it may hold')),
  context: v.pipe(v.string(), v.description("what it has seen of kv; '': nothing, or no answer")),
  siblingCount: v.pipe(v.number(), v.description('values of kv; 0 with a context: deleted')),
  answered: v.boolean(),
  isCurrent: v.pipe(v.boolean(), v.description('it has all that any that answered has')),
  writes: v.pipe(
    v.array(
      v.object({
        kind: v.picklist(['bytes', 'text', 'json', 'set', 'counter', 'deleted', 'expired']),
        bytes: v.number(),
        count: v.pipe(v.number(), v.description('elements of a set, the sum of a counter')),
        by: v.pipe(v.string(), v.description("member that coordinated it; '': several")),
        expiresAtMs: v.nullable(v.number()),
      }),
    ),
    v.description('what it holds that no other write has replaced'),
  ),
})

export const explain = call({
  name: 'explain',
  help: 'where a key lives, and what each replica holds of it and of its register',
  params: v.strictObject({ key, ...keyDeadline }),
  result: v.object({
    key: v.string(),
    kadId: v.string(),
    partition: v.number(),
    partitions: v.pipe(v.number(), v.description('how many there are')),
    cfg: v.pipe(v.number(), v.description('the topology since which it lies there')),
    replicas: v.array(replica),
    passed: v.pipe(
      v.array(
        v.object({
          storageId: v.string(),
          name: v.string(),
          rank: v.number(),
          reason: v.picklist(['takes-nothing', 'full', 'same-zone', 'not-moved']),
        }),
      ),
      v.description('members nearer to the partition than its farthest replica that hold none'),
    ),
    register: v.object({
      next: v.pipe(
        v.picklist(['one-round', 'two-rounds', 'moving', 'no-quorum']),
        v.description('what a change of the register would do now'),
      ),
      proposer: v.pipe(v.string(), v.description("who would propose it; '': nobody answers")),
      replicas: v.array(
        v.object({
          storageId: v.string(),
          name: v.string(),
          answered: v.boolean(),
          version: v.pipe(v.string(), v.description("of what it accepted; '': nothing")),
          hasValue: v.pipe(v.boolean(), v.description('false with a version: deleted')),
          promised: v.pipe(v.string(), v.description('configuration.counter.proposer.boot')),
          accepted: v.string(),
          installed: v.pipe(v.boolean(), v.description('all of earlier configurations is here')),
        }),
      ),
    }),
    lookup: v.object({
      found: v.pipe(
        v.array(
          v.object({
            peer: v.string(),
            name: v.string(),
            is: v.picklist(['replica', 'member', 'edge', 'unknown']),
          }),
        ),
        v.description('by a live Kademlia lookup, nearest to the key first'),
      ),
      tookMs: v.number(),
      why: v.pipe(v.array(v.string()), v.description('why it differs from the replicas')),
    }),
    closest: v.pipe(
      v.array(v.string()),
      v.description('what a live Kademlia lookup calls closest'),
    ),
    notes: v.array(v.string()),
  }),
  errors: ['UNCLAIMED', 'TOO_LARGE'],
  changes: false,
  withinMs: EXPLAIN_MS,
  cli: { args: [{ param: 'key', kind: 'text', help: 'the key' }], flags: [] },
  run: (node, params, options) => node.explain(params.key, options),
})
