/** What every look at the machine promises. */
import assert from 'node:assert/strict'
import type { Host, HostFigures, HostPath } from '../../src/seams/host.ts'

export interface HostUnderTest {
  readonly host: Host
  /** Sets the permissions of what is there under that kind; of secrets, of all. */
  readonly chmod: (kind: HostPath['kind'], mode: number) => void
}

export function hostContract(
  name: string,
  withHost: (body: (test: HostUnderTest) => Promise<void>) => Promise<void>,
): void {
  const modes = ({ paths }: HostFigures): string[] =>
    paths.map(({ kind, mode }) => `${kind} ${mode.toString(8)}`)

  describe(`host contract: ${name}`, () => {
    it('tells the permissions of what there is, the sticky bit included', async () => {
      await withHost(async ({ host, chmod }) => {
        chmod('data directory', 0o1750)
        chmod('secret', 0o640)
        const figures = await host.look(['identity'])
        assert.deepEqual(modes(figures), ['data directory 1750', 'secret 640'])
        for (const { path } of figures.paths) assert.match(path, /^\//)
      })
    })

    it('looks anew each time, at the secrets that it is told', async () => {
      await withHost(async ({ host, chmod }) => {
        chmod('data directory', 0o700)
        assert.deepEqual(modes(await host.look([])), ['data directory 700'])
        chmod('data directory', 0o755)
        assert.deepEqual(modes(await host.look([])), ['data directory 755'])
      })
    })

    it('tells what is free and what is open, in numbers that can be', async () => {
      await withHost(async ({ host }) => {
        const { disk, openFiles } = await host.look([])
        assert.ok(disk !== null && disk.freeBytes > 0 && disk.freeBytes <= disk.totalBytes)
        assert.ok(openFiles === null || (openFiles.now > 0 && openFiles.now <= openFiles.max))
      })
    })
  })
}
