/** The socket's place: private from its first moment, replaced when dead, respected when alive. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultSocketPath, SOCKET_PATH_BYTES_MAX } from '../../src/rpc/socket-path.ts'
import { listenPrivately } from '../../src/rpc/unix-socket.ts'

describe('unix socket', () => {
  let dir: string
  const servers: Server[] = []
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-socket-'))
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    }
    rmSync(dir, { recursive: true, force: true })
  })

  async function listen(path: string): Promise<Server> {
    const server = await listenPrivately(path, (socket) => socket.destroy())
    servers.push(server)
    return server
  }

  it('is private, and so is the directory made for it', async () => {
    const path = join(dir, 'new', 'atoll.sock')
    const mask = process.umask(0)
    try {
      await listen(path)
    } finally {
      process.umask(mask)
    }
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(join(dir, 'new')).mode & 0o777, 0o700)
  })

  it('leaves the mask of the process as it was', async () => {
    const mask = process.umask(0o022)
    await listen(join(dir, 's'))
    assert.equal(process.umask(mask), 0o022)
  })

  it('replaces the socket of a dead daemon, and leaves nothing beside it', async () => {
    const path = join(dir, 's')
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', script])
    assert.ok(existsSync(path), 'no stale socket was left')
    await listen(path)
    assert.deepEqual(readdirSync(dir), ['s'])
  })

  it('does not touch the socket of a live daemon', async () => {
    const path = join(dir, 's')
    await listen(path)
    const before = statSync(path).ino
    await assert.rejects(listen(path), {
      code: 'ADDRESS_IN_USE',
      message: `a live daemon has the socket ${path}`,
    })
    assert.equal(statSync(path).ino, before)
  })

  it('does not touch a file that is no socket', async () => {
    const path = join(dir, 's')
    writeFileSync(path, 'precious')
    await assert.rejects(listen(path), { code: 'ADDRESS_IN_USE', message: /is no socket/ })
    assert.equal(statSync(path).size, 8)
  })

  it('refuses a path that the kernel would cut off, and takes the longest', async () => {
    const rest = SOCKET_PATH_BYTES_MAX - dir.length - 1
    await listen(join(dir, 'x'.repeat(rest)))
    await assert.rejects(listen(join(dir, 'x'.repeat(rest + 1))), {
      code: 'CONFIG_INVALID',
      message: /1 to 107 bytes, this one has 108/,
    })
    await assert.rejects(listen(join(dir, 'é'.repeat(rest))), { code: 'CONFIG_INVALID' })
  })

  it('refuses a directory that others may change', async () => {
    const open = join(dir, 'open')
    mkdirSync(open)
    chmodSync(open, 0o777)
    await assert.rejects(listen(join(open, 's')), { code: 'DENIED' })
  })

  it('says what is wrong with a place that cannot be', async () => {
    writeFileSync(join(dir, 'file'), '')
    await assert.rejects(listen(join(dir, 'file', 's')), { code: 'DIR_UNUSABLE' })
  })

  it('is looked for where it is put', () => {
    assert.equal(defaultSocketPath({ ATOLL_SOCKET: '/a' }), '/a')
    assert.equal(
      defaultSocketPath({ XDG_RUNTIME_DIR: '/run/user/5' }),
      '/run/user/5/atoll/atoll.sock',
    )
    assert.equal(defaultSocketPath({}, 0), '/run/atoll/atoll.sock')
    assert.equal(defaultSocketPath({}, 1000), '/tmp/atoll-1000/atoll.sock')
  })
})
