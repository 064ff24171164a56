import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { systemHost } from '../../src/adapters/system-host.ts'
import { SimFigures } from '../sim/sim-figures.ts'
import { hostContract } from './host.contract.ts'

hostContract('system', async (body) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'atoll-host-'))
  const secret = join(dataDir, 'identity')
  writeFileSync(secret, '', { mode: 0o600 })
  try {
    await body({
      host: systemHost({ dataDir, socket: null }),
      chmod: (kind, mode) => chmodSync(kind === 'secret' ? secret : dataDir, mode),
    })
  } finally {
    rmSync(dataDir, { recursive: true })
  }
})

hostContract('simulated', async (body) => {
  const host = new SimFigures()
  await body({ host, chmod: (kind, mode) => void host.modes.set(kind, mode) })
})

describe('system host', () => {
  it('of an edge without a socket: only what the process is', async () => {
    const { disk, paths } = await systemHost({ dataDir: null, socket: null }).look(['identity'])
    assert.deepEqual([disk, paths], [null, []])
  })

  it('shows whole paths, wherever the daemon was told to look', async () => {
    const near = relative('.', mkdtempSync(join(tmpdir(), 'atoll-host-')))
    try {
      const { paths } = await systemHost({ dataDir: near, socket: join(near, 's') }).look([])
      assert.ok(!isAbsolute(near) && paths.length === 2)
      for (const { path } of paths) assert.equal(path, resolve(near))
    } finally {
      rmSync(near, { recursive: true })
    }
  })

  it('leaves out what is not there, such as the files of an unclaimed node', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'atoll-host-'))
    try {
      const host = systemHost({ dataDir, socket: join(dataDir, 'none.sock') })
      const kinds = (await host.look(['cluster'])).paths.map(({ kind }) => kind)
      assert.deepEqual(kinds, ['data directory', 'socket directory'])
    } finally {
      rmSync(dataDir, { recursive: true })
    }
  })

  it('knows the limit of open files', function () {
    if (process.platform !== 'linux') this.skip()
    const adapter = new URL('../../src/adapters/system-host.ts', import.meta.url).href
    const program = `
      const { systemHost } = await import(${JSON.stringify(adapter)})
      const { openFiles } = await systemHost({ dataDir: null, socket: null }).look([])
      process.stdout.write(String(openFiles.max))`
    const script = `ulimit -n 200 && exec "$0" --input-type=module -e "$1"`
    const { stdout } = spawnSync('sh', ['-c', script, process.execPath, program], {
      encoding: 'utf8',
    })
    assert.equal(stdout, '200')
  })
})
