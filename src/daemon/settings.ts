/**
 * Everything that can be set about a daemon, in one table: its key in the configuration file, its
 * flag, its environment variable, what values it takes, its default, and its line of help.
 *
 * Precedence: flag, then environment, then file, then default. `config show` names the source.
 */
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { NODE_DEFAULTS } from '../node/config.ts'
import { defaultSocketPath, type Environment } from '../rpc/socket-path.ts'
import { LOG_LEVELS } from '../seams/log.ts'
import { type LogRule, parseLogRule } from '../seams/log-levels.ts'
import { parseMetricsAddress } from './metrics-address.ts'

/** How a flag or variable is read; a file has the JSON form. */
export type SettingKind = 'text' | 'list' | 'switch' | 'integer' | 'pairs'

export interface Setting {
  readonly kind: SettingKind
  /** Without the dashes. A switch takes no value; a list may be given several times. */
  readonly flag: string
  readonly placeholder: string
  readonly env: string
  readonly help: string
  readonly schema: v.GenericSchema<unknown, unknown>
}

const line = v.pipe(v.string(), v.maxLength(4096), v.regex(/^\P{Cc}*$/u, 'has control characters'))
const path = v.pipe(line, v.minLength(1, 'must not be empty'))
const address = v.pipe(line, v.startsWith('/', 'must be a multiaddr such as /ip4/0.0.0.0/tcp/4410'))
const addresses = v.pipe(v.array(address), v.maxLength(32))
const whole = v.pipe(v.number(), v.integer(), v.minValue(0))

export const PROFILES = ['lan', 'wan', 'local'] as const
const START_LEVELS: LogRule = { base: 'info', parts: {} }

export const SETTING_SCHEMAS = {
  data: path,
  edge: v.boolean(),
  socket: path,
  listen: v.pipe(addresses, v.minLength(1, 'must name an address')),
  announce: addresses,
  name: v.pipe(line, v.minLength(1, 'must not be empty'), v.maxLength(63)),
  zone: v.pipe(line, v.maxLength(63)),
  capacity: v.pipe(whole, v.maxValue(1000)),
  tags: v.record(v.pipe(line, v.minLength(1)), line),
  profile: v.picklist(PROFILES),
  partitions: v.pipe(
    whole,
    v.minValue(1),
    v.maxValue(65_536),
    v.check((n) => (n & (n - 1)) === 0, 'must be a power of two'),
  ),
  replicationFactor: v.pipe(whole, v.minValue(1), v.maxValue(9)),
  logLevel: v.pipe(
    line,
    v.check(isLogRule, `must be ${LOG_LEVELS.join(', ')}, or such as info,swim=debug`),
  ),
  init: v.boolean(),
  join: v.nullable(path),
  metrics: v.nullable(
    v.pipe(
      line,
      v.check(
        (text) => parseMetricsAddress(text) !== null,
        'must be an address of this machine and a port, such as 127.0.0.1:9464',
      ),
    ),
  ),
} as const

export type SettingKey = keyof typeof SETTING_SCHEMAS
export type Settings = { readonly [K in SettingKey]: v.InferOutput<(typeof SETTING_SCHEMAS)[K]> }

function setting(
  key: SettingKey,
  kind: SettingKind,
  flag: string,
  placeholder: string,
  help: string,
): Setting {
  const env = `ATOLL_${flag.toUpperCase().replaceAll('-', '_')}`
  return { kind, flag, placeholder, env, help, schema: SETTING_SCHEMAS[key] }
}

export const SETTINGS: Readonly<Record<SettingKey, Setting>> = {
  data: setting('data', 'text', 'data', 'DIR', 'the data directory'),
  edge: setting('edge', 'switch', 'edge', '', 'keep no data: join anew at every start'),
  socket: setting('socket', 'text', 'socket', 'PATH', 'where local programs reach this daemon'),
  listen: setting('listen', 'list', 'listen', 'MULTIADDR', 'address to listen on; repeatable'),
  announce: setting('announce', 'list', 'announce', 'MULTIADDR', 'address to give out instead'),
  name: setting('name', 'text', 'name', 'NAME', 'what people call this daemon'),
  zone: setting('zone', 'text', 'zone', 'ZONE', 'replicas are spread over zones'),
  capacity: setting('capacity', 'integer', 'capacity', 'N', 'share of data relative to others'),
  tags: setting('tags', 'pairs', 'tag', 'KEY=VALUE', 'tag that members see; repeatable'),
  profile: setting('profile', 'text', 'profile', 'NAME', `time-outs: ${PROFILES.join(', ')}`),
  partitions: setting('partitions', 'integer', 'partitions', 'N', 'of the key space; init only'),
  replicationFactor: setting(
    'replicationFactor',
    'integer',
    'replication-factor',
    'N',
    'copies of each key; init only',
  ),
  logLevel: setting(
    'logLevel',
    'text',
    'log-level',
    'LEVELS',
    `${LOG_LEVELS.join(', ')}; of one part: info,swim=debug`,
  ),
  init: setting('init', 'switch', 'init', '', 'found a cluster, unless already in one'),
  join: setting('join', 'text', 'join', 'TICKET|@FILE|-', 'join one, unless already in one'),
  metrics: setting(
    'metrics',
    'text',
    'metrics',
    'HOST:PORT',
    'serve metrics by HTTP; off by default',
  ),
}

export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(SETTINGS, key)
}

export function defaultSettings(env: Environment): Settings {
  return {
    ...NODE_DEFAULTS,
    profile: 'lan',
    data: defaultData(env),
    edge: false,
    socket: defaultSocketPath(env),
    listen: [...NODE_DEFAULTS.listen],
    announce: [],
    name: hostname().slice(0, 63) || 'atoll',
    logLevel: START_LEVELS.base,
    init: false,
    join: null,
    metrics: null,
  }
}

/** The system's place for root, the user's own for everybody else. */
function defaultData(env: Environment): string {
  const { XDG_STATE_HOME } = env
  if (XDG_STATE_HOME) return join(XDG_STATE_HOME, 'atoll')
  return isRoot() ? '/var/lib/atoll' : join(homedir(), '.local', 'state', 'atoll')
}

/** Looked for in this order. */
export function configPaths(env: Environment): readonly string[] {
  const { XDG_CONFIG_HOME } = env
  const own = XDG_CONFIG_HOME ?? (isRoot() ? undefined : join(homedir(), '.config'))
  return [...(own ? [join(own, 'atoll', 'config.json')] : []), '/etc/atoll/config.json']
}

/** The levels that a checked setting names. */
export function startLevels(settings: Pick<Settings, 'logLevel'>): LogRule {
  return parseLogRule(settings.logLevel, START_LEVELS)
}

function isLogRule(text: string): boolean {
  try {
    parseLogRule(text, START_LEVELS)
    return true
  } catch {
    return false
  }
}

function isRoot(): boolean {
  return (process.getuid?.() ?? 0) === 0
}
