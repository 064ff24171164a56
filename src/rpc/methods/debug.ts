/** debug: how the log speaks, and what happened of late. */
import * as v from 'valibot'
import { LOG_LEVELS } from '../../seams/log.ts'
import { call, deadline, OWN_KNOWLEDGE_MS } from '../method.ts'
import { text } from '../schemas.ts'

const DAY_MS = 86_400_000
const level = v.picklist(LOG_LEVELS)
const durationMs = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(30 * DAY_MS))
const wallMs = v.pipe(v.number(), v.description('milliseconds since 1970'))

export const debugLog = call({
  name: 'debug.log',
  help: 'show or change the levels of the log while the daemon runs',
  params: v.strictObject({
    levels: v.exactOptional(
      v.pipe(text, v.description('debug, or swim=debug,mesh=info, or reset; absent: only show')),
    ),
    forMs: v.exactOptional(
      v.pipe(
        durationMs,
        v.maxValue(DAY_MS),
        v.description('then the levels of the start are back; 15 minutes by default'),
      ),
    ),
    ...deadline,
  }),
  result: v.object({
    base: v.pipe(level, v.description('of every part that is not named')),
    parts: v.record(v.string(), level),
    start: v.pipe(v.string(), v.description('what the daemon was started with')),
    fallsBackInMs: v.pipe(v.nullable(v.number()), v.description('null: it is as it was started')),
    known: v.pipe(v.array(v.string()), v.description('first words of the names of events')),
  }),
  errors: ['UNSUPPORTED'],
  changes: true,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: {
    args: [
      {
        param: 'levels',
        kind: 'text',
        help: 'debug, swim=debug,mesh=info, or reset; absent: show them',
        optional: true,
      },
    ],
    flags: [
      {
        param: 'forMs',
        flag: '--for <duration>',
        kind: 'duration',
        help: 'how long until the levels of the start are back (default: 15m)',
      },
    ],
  },
  run: (node, { levels, forMs }, options) =>
    node.debug.log(levels, { ...options, ...(forMs !== undefined && { forMs }) }),
})

export const debugTimeline = call({
  name: 'debug.timeline',
  help: 'what happened of late: members, topologies, stalls, disk, load',
  params: v.strictObject({
    sinceMs: v.exactOptional(v.pipe(durationMs, v.description('how far back; default: all'))),
    ...deadline,
  }),
  result: v.object({
    name: v.pipe(v.string(), v.description('the daemon whose view it is')),
    fromMs: wallMs,
    toMs: wallMs,
    lost: v.pipe(
      v.nullable(v.object({ count: v.number(), untilMs: wallMs })),
      v.description('incidents of this span that were forgotten for newer ones'),
    ),
    incidents: v.array(
      v.object({
        seq: v.number(),
        atMs: wallMs,
        untilMs: wallMs,
        times: v.pipe(v.number(), v.description('over 1: a crowd of the same, told as one')),
        lane: v.picklist(['node', 'member', 'topology', 'stall', 'disk', 'mesh', 'load']),
        level,
        event: v.pipe(v.string(), v.description('name of the log line that told of it')),
        subject: v.pipe(v.string(), v.description("member that it is about; '': this daemon")),
        detail: v.record(v.string(), v.nullable(v.union([v.string(), v.number(), v.boolean()]))),
      }),
    ),
  }),
  errors: [],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: {
    args: [],
    flags: [
      {
        param: 'sinceMs',
        flag: '--since <duration>',
        kind: 'duration',
        help: 'how far back, such as 1h (default: all that is remembered)',
      },
    ],
  },
  run: (node, { sinceMs }, options) =>
    node.debug.timeline({ ...options, ...(sinceMs !== undefined && { sinceMs }) }),
})
