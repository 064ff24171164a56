/** What a program may ask of the node that it embeds: the settings of the daemon that fit a node. */
import * as v from 'valibot'
import { AtollError } from '../base/errors.ts'
import { NODE_DEFAULTS, type NodeConfig } from '../node/config.ts'
import { describeIssues } from '../rpc/validation.ts'
import { SETTING_SCHEMAS } from './settings.ts'

export type CreateNodeOptions = Partial<Omit<NodeConfig, 'dataDir'>> & {
  /** Absent: an edge, which stores nothing. A directory is used by one process at a time. */
  readonly dataDir?: string | undefined
  /** Founds a cluster of one, unless the directory already belongs to one. */
  readonly init?: boolean | undefined
  /** Joins with this ticket, unless the directory already belongs to a cluster. */
  readonly join?: string | undefined
}

const { data, name, zone, capacity, listen, announce, tags, profile } = SETTING_SCHEMAS
const { partitions, replicationFactor, init } = SETTING_SCHEMAS

const SCHEMA = v.pipe(
  v.strictObject({
    ...v.partial(v.object({ name, zone, capacity, listen, announce, tags, profile })).entries,
    ...v.partial(v.object({ partitions, replicationFactor, init })).entries,
    dataDir: v.optional(data),
    join: v.optional(v.string()),
  }),
  v.check(
    (given) => given.init !== true || given.join === undefined,
    'init and join exclude each other',
  ),
)

export interface CreateNodePlan {
  readonly config: NodeConfig
  readonly init: boolean
  readonly join: string | null
}

/** Throws CONFIG_INVALID with all that is wrong. */
export function planOf(options: CreateNodeOptions): CreateNodePlan {
  const parsed = v.safeParse(SCHEMA, options)
  if (!parsed.success) {
    throw new AtollError('CONFIG_INVALID', `createNode: ${describeIssues(parsed.issues)}`)
  }
  const { dataDir = null, init: founds = false, join = null, ...rest } = parsed.output
  const given = Object.entries(rest).filter(([, value]) => value !== undefined)
  const config: NodeConfig = {
    ...NODE_DEFAULTS,
    name: 'embedded',
    ...Object.fromEntries(given),
    dataDir,
  }
  return { config, init: founds, join }
}
