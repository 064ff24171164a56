/**
 * The other systems' Node clients: packages of `test/bench` alone, so that the project's own tree
 * stays small. They are loaded late, and their types are what we say that we use of them.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const FOLDER = resolve(import.meta.dirname, '..')
const MANIFEST = join(FOLDER, 'package.json')

/** Null when they are there or could be installed; else what to type. */
export function installClients(): string | null {
  if (existsSync(join(FOLDER, 'node_modules/.package-lock.json'))) return null
  console.error('installing the clients of test/bench/package.json')
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return status === 0 ? null : 'the clients are missing: type (cd test/bench && npm ci)'
}

/** The names of the client packages and their versions. */
export function clientVersions(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as {
    dependencies: Record<string, string>
  }
  return dependencies
}

/** `T` is what the caller uses of it. */
export async function loadClient<T>(name: string): Promise<T> {
  return (await import(name)) as T
}
