/** ticket: what lets another daemon join. */
import * as v from 'valibot'
import { call, deadline, OWN_KNOWLEDGE_MS } from '../method.ts'
import { role, text, whole } from '../schemas.ts'

const TTL_MS_MAX = 366 * 24 * 60 * 60 * 1000

export const ticketCreate = call({
  name: 'ticket.create',
  help: 'make a ticket for daemons that shall join; it is a secret',
  params: v.strictObject({
    ttlMs: v.exactOptional(
      v.pipe(whole, v.minValue(1), v.maxValue(TTL_MS_MAX), v.description('1 hour by default')),
    ),
    uses: v.exactOptional(
      v.pipe(whole, v.maxValue(1_000_000), v.description('1 by default, 0 for any number')),
    ),
    role: v.exactOptional(role),
    ...deadline,
  }),
  result: v.object({ ticket: v.string() }),
  errors: ['UNCLAIMED', 'DENIED', 'UNSUPPORTED'],
  changes: true,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: {
    args: [],
    flags: [
      { flag: '--ttl <duration>', param: 'ttlMs', kind: 'duration', help: 'valid for (1h)' },
      {
        flag: '--uses <count>',
        param: 'uses',
        kind: 'integer',
        help: 'joins (1); 0 for unlimited',
      },
      {
        flag: '--role <role>',
        param: 'role',
        kind: 'text',
        choices: ['member', 'edge'],
        help: 'what the joiner may be (member)',
      },
    ],
  },
  run: (node, { ttlMs, uses, role: asRole }, options) =>
    node.ticket.create({
      ...options,
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(uses === undefined ? {} : { uses }),
      ...(asRole === undefined ? {} : { role: asRole }),
    }),
})

export const ticketRevoke = call({
  name: 'ticket.revoke',
  help: 'make a ticket worthless',
  params: v.strictObject({ ticket: text, ...deadline }),
  result: v.object({ revoked: v.boolean() }),
  errors: ['UNCLAIMED', 'TICKET_INVALID'],
  changes: true,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: {
    args: [{ param: 'ticket', kind: 'secret', help: 'the ticket, @FILE or -' }],
    flags: [],
  },
  run: (node, params, options) => node.ticket.revoke(params.ticket, options),
})
