import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSystemStorage } from '../../src/adapters/system-storage.ts'
import { Kernel } from '../sim/kernel.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { SimDisk } from '../sim/sim-storage.ts'
import { storageContract } from './storage.contract.ts'

async function inTempDirectory(body: (path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'atoll-storage-'))
  try {
    await body(path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

storageContract('system', (body) =>
  inTempDirectory((path) => body({ open: () => openSystemStorage(join(path, 'data')) })),
)

storageContract('simulated', (body) => {
  const kernel = new Kernel()
  const disk = new SimDisk(new SimRandom('contract'))
  const after = (delayMs: number, run: () => void): void => {
    kernel.schedule(null, delayMs * 1000, 'disk', run)
  }
  return kernel.run(() => body({ open: () => disk.open('data', after) }))
})

const STORAGE = JSON.stringify(
  new URL('../../src/adapters/system-storage.ts', import.meta.url).href,
)

/** A program in a process of its own, with the storage of `process.argv[1]` opened. */
function program(body: string): string {
  return `
    const { openSystemStorage } = await import(${STORAGE})
    const open = () => openSystemStorage(process.argv[1])
    ${body}
  `
}

describe('system storage', () => {
  it('is for its owner alone', () =>
    inTempDirectory(async (path) => {
      const data = join(path, 'deep', 'data')
      const storage = await openSystemStorage(data)
      await storage.replace('file', new Uint8Array(1))
      await (await storage.openAppend('log')).close()
      await storage.close()
      assert.equal(statSync(data).mode & 0o777, 0o700)
      for (const name of ['file', 'log']) {
        assert.equal(statSync(join(data, name)).mode & 0o777, 0o600)
      }
    }))

  it('says why a directory cannot be used', () =>
    inTempDirectory(async (path) => {
      writeFileSync(join(path, 'file'), 'x')
      for (const odd of [join(path, 'file'), join(path, 'file', 'below')]) {
        await assert.rejects(openSystemStorage(odd), {
          code: 'DIR_UNUSABLE',
          message: `cannot use "${odd}": it is not a directory`,
        })
      }
    }))

  it('does not show what a crash left of a replacement', () =>
    inTempDirectory(async (path) => {
      writeFileSync(join(path, 'file.partial'), 'a half and more than the new one will have')
      const storage = await openSystemStorage(path)
      assert.deepEqual(await storage.list(), [])
      await storage.replace('file', new TextEncoder().encode('new'))
      assert.deepEqual(await storage.list(), ['file'])
      assert.equal(Buffer.from((await storage.read('file')) ?? []).toString(), 'new')
      assert.ok(!readdirSync(path).includes('file.partial'))
      await storage.close()
    }))

  it('is locked against another process, and free once that is killed', () =>
    inTempDirectory(async (path) => {
      const script = program(`await open(); console.log('open'); setInterval(() => {}, 1000)`)
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        await once(child.stdout, 'data')
        await assert.rejects(openSystemStorage(path), { code: 'DIR_LOCKED' })
      } finally {
        const exit = once(child, 'exit')
        child.kill('SIGKILL')
        await exit
      }
      await (await openSystemStorage(path)).close()
    }))

  it('takes a write back that met a full disk in its middle, and goes on', () =>
    inTempDirectory((path) => {
      // A limit on the size of files stands for the disk: the write comes back short, then fails.
      const script = program(`
        const storage = await open()
        const file = await storage.openAppend('log')
        await file.append(Buffer.alloc(60_000, 1))
        await file.sync()
        const codes = []
        for (const size of [10_000, 500_000]) {
          await file.append(Buffer.alloc(size, 2)).catch((error) => codes.push(error.code))
        }
        await storage.replace('big', Buffer.alloc(100_000)).catch((error) => codes.push(error.code))
        await file.append(Buffer.alloc(5000, 3))
        await file.sync()
        const log = await storage.read('log')
        const sums = [log.length, log.filter((byte) => byte === 2).length, file.sizeBytes]
        console.log(JSON.stringify({ codes, sums, big: await storage.read('big') }))
        await file.close()
        await storage.close()
      `)
      const shell = `trap '' XFSZ; ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2"`
      const run = spawnSync('bash', ['-c', shell, process.execPath, script, path], {
        encoding: 'utf8',
        timeout: 15_000,
      })
      assert.equal(run.status, 0, run.stderr)
      assert.deepEqual(JSON.parse(run.stdout), {
        codes: ['DISK_FULL', 'DISK_FULL', 'DISK_FULL'],
        sums: [65_000, 0, 65_000],
        big: null,
      })
      return Promise.resolve()
    }))
})

describe('simulated disk', () => {
  async function withDisk(
    body: (disk: SimDisk, open: () => ReturnType<SimDisk['open']>) => Promise<void>,
  ): Promise<void> {
    const kernel = new Kernel()
    const disk = new SimDisk(new SimRandom('faults'))
    await kernel.run(() =>
      body(disk, () =>
        disk.open('data', (delayMs, run) => {
          kernel.schedule(null, delayMs * 1000, 'disk', run)
        }),
      ),
    )
  }

  it('loses no synced byte in a power loss, and of the rest keeps a prefix or garbage', () =>
    withDisk(async (disk, open) => {
      const kept = new Set<number>()
      for (let i = 0; i < 40; i++) {
        const storage = await open()
        const file = await storage.openAppend(`log-${i}`)
        await file.append(Buffer.alloc(100, 1))
        await file.sync()
        await file.append(Buffer.alloc(50, 2))
        disk.powerLoss()
        const bytes = disk.fileBytes(`log-${i}`) ?? new Uint8Array()
        assert.ok(bytes.length >= 100 && bytes.length <= 150)
        assert.ok(bytes.subarray(0, 100).every((byte) => byte === 1))
        kept.add(bytes.length)
      }
      assert.ok(kept.size > 5)
    }))

  it('loses a suffix of the unsynced batches of an index, each whole', () =>
    withDisk(async (disk, open) => {
      const kept = new Set<number>()
      for (let i = 0; i < 40; i++) {
        const storage = await open()
        const index = await storage.openIndex(`index-${i}`)
        const value = new Uint8Array(1)
        await index.batch([{ key: 'synced', value }], { sync: true })
        for (const key of ['a', 'b', 'c']) {
          const writes = [1, 2].map((n) => ({ key: key + n, value }))
          await index.batch(writes, { sync: false })
        }
        disk.powerLoss()
        const keys = disk.indexKeys(`index-${i}`)
        const all = ['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'synced']
        assert.deepEqual(keys, [...all.slice(0, keys.length - 1), 'synced'])
        assert.equal(keys.length % 2, 1)
        kept.add(keys.length)
      }
      assert.equal(kept.size, 4)
    }))

  it('fails as it is told, and lets go of a dead process', () =>
    withDisk(async (disk, open) => {
      const storage = await open()
      const file = await storage.openAppend('log')
      disk.faults.failWrite = true
      await assert.rejects(file.append(new Uint8Array(1)), { code: 'STORAGE_FAILED' })
      disk.faults.failWrite = false
      disk.faults.capacityBytes = 10
      await assert.rejects(file.append(new Uint8Array(11)), { code: 'DISK_FULL' })
      assert.equal(file.sizeBytes, 0)
      disk.faults.failSync = true
      await assert.rejects(file.sync(), { code: 'STORAGE_FAILED' })
      disk.faults.failSync = false
      await assert.rejects(file.sync(), { code: 'STORAGE_FAILED' })
      disk.crash()
      await (await open()).close()
    }))
})
