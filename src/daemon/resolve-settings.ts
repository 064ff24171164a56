/** Brings flags, environment, file and defaults together; each value knows where it came from. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as v from 'valibot'
import { unreachable } from '../base/assert.ts'
import { AtollError } from '../base/errors.ts'
import type { Environment } from '../rpc/socket-path.ts'
import { describeIssues } from '../rpc/validation.ts'
import { readConfigFile } from './config-file.ts'
import {
  configPaths,
  defaultSettings,
  isSettingKey,
  type Setting,
  type SettingKey,
  SETTINGS,
  type Settings,
} from './settings.ts'

export interface Resolved {
  readonly settings: Settings
  /** `--name`, `ATOLL_NAME`, a file's path, or `default`. */
  readonly sources: Readonly<Record<SettingKey, string>>
  /** null: none was found. */
  readonly configFile: string | null
}

type FlagValues = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>

const KEYS = Object.keys(SETTINGS).filter(isSettingKey)

/** Throws USAGE for flags that make no sense, CONFIG_INVALID for values that do not. */
export function resolveSettings(argv: readonly string[], env: Environment): Resolved {
  const flags = parseFlags(argv)
  const configFile = findConfig(flags['config'], env)
  const file = configFile === null ? {} : readConfigFile(configFile)
  const settings: Record<string, unknown> = { ...defaultSettings(env) }
  const sources: Record<string, string> = {}
  for (const key of KEYS) {
    const { flag, env: variable } = SETTINGS[key]
    const given = flags[flag]
    const inherited = env[variable]
    if (given !== undefined) {
      settings[key] = fromText(key, given as string, `--${flag}`)
      sources[key] = `--${flag}`
    } else if (inherited !== undefined && inherited !== '') {
      settings[key] = fromText(key, inherited, variable)
      sources[key] = variable
    } else if (Object.hasOwn(file, key)) {
      settings[key] = file[key]
      sources[key] = configFile ?? ''
    } else sources[key] = 'default'
  }
  return {
    settings: settings as unknown as Settings,
    sources: sources as Record<SettingKey, string>,
    configFile,
  }
}

function parseFlags(argv: readonly string[]): FlagValues {
  const options: Record<string, { type: 'string' | 'boolean'; multiple: boolean }> = {
    config: { type: 'string', multiple: false },
  }
  for (const { flag, kind } of Object.values(SETTINGS)) {
    const multiple = kind === 'list' || kind === 'pairs'
    options[flag] = { type: kind === 'switch' ? 'boolean' : 'string', multiple }
  }
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new AtollError('USAGE', (error as Error).message, { hint: 'see: atolld --help' })
  }
}

function findConfig(flag: FlagValues[string], env: Environment): string | null {
  if (typeof flag === 'string') return flag
  const inherited = env['ATOLL_CONFIG']
  if (inherited) return inherited
  return configPaths(env).find((path) => existsSync(path)) ?? null
}

/** The value of a flag or variable, checked as a file's would be. */
function fromText(
  key: SettingKey,
  given: string | boolean | readonly string[],
  from: string,
): unknown {
  const setting = SETTINGS[key]
  const result = v.safeParse(setting.schema, read(setting, given, from))
  if (result.success) return result.output
  throw new AtollError('CONFIG_INVALID', `${from}: ${describeIssues(result.issues)}`)
}

function read(
  { kind }: Setting,
  given: string | boolean | readonly string[],
  from: string,
): unknown {
  if (typeof given === 'boolean') return given
  const texts = typeof given === 'string' ? given.split(',') : given
  switch (kind) {
    case 'text':
      return given
    case 'integer':
      return /^\d+$/.test(String(given)) ? Number(given) : given
    case 'list':
      return texts.map((text) => text.trim())
    case 'switch':
      return (
        given === '1' || given === 'true' || (given === '0' || given === 'false' ? false : given)
      )
    case 'pairs':
      return Object.fromEntries(texts.map((text) => pair(text, from)))
    default:
      return unreachable(kind)
  }
}

function pair(text: string, from: string): readonly [string, string] {
  const equals = text.indexOf('=')
  if (equals > 0) return [text.slice(0, equals).trim(), text.slice(equals + 1)]
  throw new AtollError('CONFIG_INVALID', `${from}: "${text}" is not KEY=VALUE`)
}
