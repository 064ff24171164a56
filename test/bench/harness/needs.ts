/** What a machine must have, and how it gets it. */
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface Need {
  /** `etcd`. */
  readonly name: string
  /** The Debian package that brings it. */
  readonly debian: string
  present(): boolean
}

/** All of them at once, as the README says. */
export const INSTALL = 'apt-get install etcd-server serf zookeeper nats-server redis-server'

/** Debian keeps servers here, and not every user's PATH names it. */
const ALSO = ['/usr/sbin', '/usr/local/sbin']

/** The path of a program, or null. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...ALSO]
  for (const folder of folders) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not here.
    }
  }
  return null
}

export function programNeed(name: string, debian: string): Need {
  return { name, debian, present: () => findProgram(name) !== null }
}

export function fileNeed(name: string, path: string, debian: string): Need {
  return { name, debian, present: () => existsSync(path) }
}
