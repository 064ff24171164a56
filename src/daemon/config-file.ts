/** The configuration file: one JSON object with the keys of the table of settings. */
import { readFileSync, statSync } from 'node:fs'
import * as v from 'valibot'
import { AtollError } from '../base/errors.ts'
import { jsonExcess } from '../base/json-scan.ts'
import { describeIssues } from '../rpc/validation.ts'
import { isSettingKey, SETTINGS, type Settings } from './settings.ts'

const FILE_BYTES_MAX = 1024 * 1024
const DEPTH_MAX = 8
const ELEMENTS_MAX = 10_000

/** Throws CONFIG_INVALID with the file's name and all that is wrong with it. */
export function readConfigFile(path: string): Partial<Settings> {
  return parseConfig(readText(path), path)
}

export function parseConfig(text: string, path: string): Partial<Settings> {
  const json = parsed(text, path)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalid(path, 'it must be a JSON object')
  }
  const settings: Record<string, unknown> = {}
  const wrong: string[] = []
  for (const [key, value] of Object.entries(json)) {
    // Editors find what a file may hold by this key.
    if (key === '$schema') continue
    if (!isSettingKey(key)) {
      wrong.push(`"${key}" is no setting`)
      continue
    }
    const result = v.safeParse(SETTINGS[key].schema, value)
    if (result.success) settings[key] = result.output
    else wrong.push(`"${key}": ${describeIssues(result.issues)}`)
  }
  if (wrong.length > 0) throw invalid(path, wrong.join('; '))
  return settings as Partial<Settings>
}

function parsed(text: string, path: string): unknown {
  if (jsonExcess(text, DEPTH_MAX, ELEMENTS_MAX) !== null) throw invalid(path, 'it is too deep')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid(path, `it is not JSON (${(error as Error).message})`)
  }
}

function readText(path: string): string {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw invalid(path, 'it is over 1 MiB')
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof AtollError) throw error
    throw invalid(path, `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
}

function invalid(path: string, why: string): AtollError {
  return new AtollError('CONFIG_INVALID', `${path}: ${why}`, {
    hint: `check it with: atoll config validate ${path}`,
  })
}
