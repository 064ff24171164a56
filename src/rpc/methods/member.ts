/** member: who is here, and who is alive. */
import * as v from 'valibot'
import { call, deadline, DECISION_MS, OWN_KNOWLEDGE_MS, watch } from '../method.ts'
import { memberState, role, text } from '../schemas.ts'

const TAGS_MAX = 64

const member = v.object({
  id: v.pipe(v.string(), v.description('peer id')),
  name: v.string(),
  state: memberState,
  addresses: v.array(v.string()),
  tags: v.record(v.string(), v.string()),
  incarnation: v.number(),
  zone: v.string(),
  role,
})

/** The name of the prototype is no name of a tag: what copies tags must not have to fear it. */
const tags = v.pipe(
  v.custom<Record<string, string | null>>(
    (input) => typeof input === 'object' && input !== null && !Object.hasOwn(input, '__proto__'),
    'must be an object without __proto__',
  ),
  v.record(v.pipe(text, v.minLength(1)), v.nullable(text)),
  v.check((given) => Object.keys(given).length <= TAGS_MAX, `at most ${TAGS_MAX} at once`),
  v.description('null removes the tag'),
)

export const memberLs = call({
  name: 'member.ls',
  help: 'list the members',
  params: v.strictObject({ ...deadline }),
  result: v.array(member),
  errors: ['UNCLAIMED'],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: { args: [], flags: [] },
  run: (node, _params, options) => node.member.ls(options),
})

export const memberShow = call({
  name: 'member.show',
  help: 'show one member',
  params: v.strictObject({ member: v.pipe(text, v.description('its name or id')), ...deadline }),
  result: member,
  errors: ['UNCLAIMED', 'NOT_FOUND'],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: { args: [{ param: 'member', kind: 'text', help: 'its name or id' }], flags: [] },
  run: (node, params, options) => node.member.show(params.member, options),
})

export const memberTag = call({
  name: 'member.tag',
  help: "set or remove this daemon's own tags",
  params: v.strictObject({
    tags,
    ...deadline,
  }),
  result: member,
  errors: ['UNCLAIMED', 'TOO_LARGE'],
  changes: true,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: {
    args: [{ param: 'tags', kind: 'pairs', help: 'key=value …; key= removes it' }],
    flags: [],
  },
  run: (node, params, options) => node.member.tag(params.tags, options),
})

export const memberRemove = call({
  name: 'member.remove',
  help: 'take a member out for good: its disk is refused from then on',
  params: v.strictObject({
    member: v.pipe(text, v.description('its name, id or storage id')),
    ...deadline,
  }),
  result: v.object({
    storageId: v.string(),
    name: v.string(),
    topology: v.pipe(v.number(), v.description('the topology that says so')),
  }),
  errors: ['UNCLAIMED', 'NOT_FOUND', 'CONFLICT', 'NO_QUORUM', 'DENIED', 'TOO_LARGE'],
  changes: true,
  withinMs: DECISION_MS,
  cli: { args: [{ param: 'member', kind: 'text', help: 'its name or id' }], flags: [] },
  run: (node, params, options) => node.member.remove(params.member, options),
})

export const memberWatch = watch({
  keeps: 'all',
  name: 'member.watch',
  help: 'the members as they are, then every change',
  params: v.strictObject({}),
  result: v.object({
    kind: v.picklist(['join', 'alive', 'suspect', 'dead', 'left', 'update', 'reap']),
    member,
  }),
  errors: ['UNCLAIMED'],
  changes: false,
  withinMs: null,
  cli: { args: [], flags: [] },
  run: (node, _params, options) => node.member.watch(options),
})
