/** The real machine and process. Limits and open files are read from /proc; elsewhere unknown. */
import { readdir, readFile, stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Host, HostFigures, HostPath } from '../seams/host.ts'

export interface HostPlaces {
  /** null: an edge. */
  readonly dataDir: string | null
  /** null: embedded, nobody connects. */
  readonly socket: string | null
}

/** Paths are shown to people who are elsewhere: whole, as seen from where the process began. */
export function systemHost(places: HostPlaces): Host {
  const dataDir = places.dataDir === null ? null : resolve(places.dataDir)
  const socket = places.socket === null ? null : resolve(places.socket)
  return {
    async look(secrets): Promise<HostFigures> {
      const wanted: Omit<HostPath, 'mode'>[] = []
      if (dataDir !== null) wanted.push({ kind: 'data directory', path: dataDir })
      for (const name of dataDir === null ? [] : secrets) {
        wanted.push({ kind: 'secret', path: join(dataDir ?? '', name) })
      }
      if (socket !== null) {
        wanted.push({ kind: 'socket directory', path: dirname(socket) })
        wanted.push({ kind: 'socket', path: socket })
      }
      const paths = await Promise.all(wanted.map(withMode))
      return {
        openFiles: await openFiles(),
        disk: dataDir === null ? null : await space(dataDir),
        paths: paths.filter((each) => each !== null),
      }
    },
  }
}

async function withMode(path: Omit<HostPath, 'mode'>): Promise<HostPath | null> {
  try {
    return { ...path, mode: (await stat(path.path)).mode & 0o7777 }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function space(directory: string): Promise<HostFigures['disk']> {
  const { bavail, blocks, bsize } = await statfs(directory)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

async function openFiles(): Promise<HostFigures['openFiles']> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8')
    const [, soft = ''] = /^Max open files\s+(\S+)/m.exec(limits) ?? []
    const max = soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft)
    const now = (await readdir('/proc/self/fd')).length
    return Number.isSafeInteger(max) && max > 0 ? { now, max } : null
  } catch {
    return null // No /proc here.
  }
}
