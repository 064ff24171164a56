/** The machine of a simulated node, as its doctor looks at it: the scenario sets what there is. */
import type { Host, HostFigures, HostPath } from '../../src/seams/host.ts'

const GIB = 1024 ** 3

export class SimFigures implements Host {
  openFiles: HostFigures['openFiles'] = { now: 40, max: 65_536 }
  disk: HostFigures['disk'] = { freeBytes: 100 * GIB, totalBytes: 200 * GIB }
  /** Permission bits by what it is; absent: there is no such thing. */
  readonly modes = new Map<HostPath['kind'], number>([
    ['data directory', 0o700],
    ['secret', 0o600],
  ])

  async look(secrets: readonly string[]): Promise<HostFigures> {
    const paths = [...this.modes].flatMap(([kind, mode]) => {
      const names = kind === 'secret' ? secrets : [kind.replace(' ', '-')]
      return names.map((name) => ({ kind, path: `/sim/${name}`, mode }))
    })
    return { openFiles: this.openFiles, disk: this.disk, paths }
  }
}
