/** doctor: what is wrong, and what to do about it. */
import * as v from 'valibot'
import { call, deadline, OWN_KNOWLEDGE_MS } from '../method.ts'

const severity = v.picklist(['ok', 'warn', 'fail'])

export const doctor = call({
  name: 'doctor',
  help: 'examine this daemon and its cluster; exit 1 when a check fails, 8 for warnings',
  params: v.strictObject({ ...deadline }),
  result: v.object({
    severity: v.pipe(severity, v.description('of the worst finding')),
    tookMs: v.number(),
    asked: v.pipe(v.number(), v.description('members that were asked, this one left out')),
    members: v.number(),
    findings: v.array(
      v.object({
        check: v.pipe(v.string(), v.description('what was examined')),
        severity,
        seen: v.string(),
        fix: v.pipe(v.string(), v.description("'' when all is well")),
      }),
    ),
  }),
  errors: [],
  changes: false,
  withinMs: OWN_KNOWLEDGE_MS,
  cli: { args: [], flags: [] },
  run: (node, _params, options) => node.doctor(options),
})
