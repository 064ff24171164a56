/** Every way a start can be wrong: one clear sentence, the right status, nothing changed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type DaemonProcess, type Ended, Machine } from './processes.ts'

describe('a daemon that cannot start', function () {
  this.timeout(60_000)
  const machine = new Machine()
  after(() => machine.end())

  function assertOneSentence({ status, err }: Ended, expected: number, pattern: RegExp): void {
    const lines = err.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
    assert.equal(lines.length, 1, err)
    assert.match(lines[0] ?? '', pattern)
    assert.equal(status, expected, err)
  }

  async function failed(daemon: DaemonProcess): Promise<Ended> {
    return await daemon.ended()
  }

  it('flags that make no sense', async () => {
    assertOneSentence(await machine.atolld('--no-such'), 2, /^error USAGE: .*--no-such/)
    const both = await machine.atolld('--init', '--join', 'x')
    assertOneSentence(both, 2, /^error CONFIG_INVALID: init and join exclude each other/)
    assertOneSentence(await machine.atolld('no-such'), 2, /^error USAGE: unknown command 'no-such'/)
  })

  it('a corrupt configuration', async () => {
    const file = join(machine.root, 'config.json')
    writeFileSync(file, '{"name": ')
    const ended = await machine.atolld('--config', file)
    assertOneSentence(ended, 2, /^error CONFIG_INVALID: .*config\.json: it is not JSON/)
  })

  it('a socket path that is too long', async () => {
    const ended = await machine.atolld('--socket', `/tmp/${'s'.repeat(110)}`)
    assertOneSentence(ended, 2, /^error CONFIG_INVALID: a socket path has 1 to 107 bytes/)
  })

  it('a directory in use, told with the socket of who uses it; a socket in use', async () => {
    const first = machine.daemon('first').start('--init')
    const node = await first.connect()
    await node.status()
    await node.close()
    const other = join(machine.root, 'other.sock')
    const locked = await machine.atolld('--data', first.data, '--socket', other)
    assertOneSentence(locked, 1, /^error DIR_LOCKED: .*first\.sock/)
    assert.ok(!existsSync(other))
    const data = join(machine.root, 'other')
    const inUse = await machine.atolld('--data', data, '--socket', first.socket)
    assertOneSentence(inUse, 1, /^error ADDRESS_IN_USE: a live daemon has the socket .*first\.sock/)
    assert.ok(!existsSync(data))
    await using again = await first.connect()
    assert.equal((await again.status()).state, 'running')
  })

  it('a port in use', async () => {
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as { port: number }
    const daemon = machine.daemon('port')
    daemon.start('--init', '--listen', `/ip4/127.0.0.1/tcp/${port}`)
    const ended = await failed(daemon)
    assertOneSentence(ended, 1, new RegExp(`^error ADDRESS_IN_USE: .*${port}`))
    // One that never ran does not say that it stopped.
    assert.doesNotMatch(ended.err, /daemon\.stopped/)
    server.close()
  })

  it('a data directory that is none', async () => {
    const file = join(machine.root, 'file')
    writeFileSync(file, 'precious')
    const socket = join(machine.root, 'f.sock')
    const ended = await machine.atolld('--data', file, '--socket', socket)
    assertOneSentence(ended, 1, /^error DIR_UNUSABLE: /)
    assert.equal(readFileSync(file, 'utf8'), 'precious')
    assert.ok(!existsSync(socket))
  })

  it('a data directory of an unknown format, and one that is damaged', async () => {
    const daemon = machine.daemon('format').start('--init')
    const node = await daemon.connect()
    await node.kv.put('k', 'v')
    await node.close()
    await daemon.signal('SIGTERM')
    const format = join(daemon.data, 'format')
    writeFileSync(format, '99\n')
    assertOneSentence(await failed(daemon.start()), 1, /^error FORMAT_UNKNOWN: .*99/)
    writeFileSync(format, 'x')
    assertOneSentence(await failed(daemon.start()), 1, /^error DISK_DAMAGED: /)
    writeFileSync(format, '1\n')
    await using again = await daemon.start().connect()
    assert.equal((await again.kv.get('k'))?.value, 'v')
  })

  it('tickets that are none', async () => {
    const daemon = machine.daemon('ticket')
    for (const ticket of ['nonsense', 'atoll1', '@/nonexistent']) {
      const expected = ticket.startsWith('@') ? 2 : 7
      const pattern = /^error (TICKET_INVALID|USAGE): /
      assertOneSentence(await failed(daemon.start('--join', ticket)), expected, pattern)
    }
  })

  it('no daemon at all', async () => {
    const ended = await machine.atoll('--socket', join(machine.root, 'none.sock'), 'status')
    assertOneSentence(ended, 3, /^error UNREACHABLE: no daemon answers on /)
  })

  it('a Node.js that is too old', async function () {
    const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
      const version = existsSync(path) && execFileSync(path, ['--version']).toString()
      return typeof version === 'string' && /^v(1\d|20|21)\./.test(version)
    })
    if (old === undefined) return this.skip()
    for (const bin of ['atoll', 'atolld']) {
      const path = join(import.meta.dirname, `../../dist/bin/${bin}.js`)
      const ended = await machine.run(old, [path, 'version'])
      assertOneSentence(ended, 2, /^error UNSUPPORTED: atoll needs Node\.js 22\.18 or newer/)
    }
    for (const entry of ['index', 'client']) {
      const path = join(import.meta.dirname, `../../dist/src/${entry}.js`)
      const told = 'error => process.stdout.write(`${error.code} ${error.message}`)'
      const { out } = await machine.run(old, ['-e', `import('${path}').catch(${told})`])
      assert.match(out, /^UNSUPPORTED atoll needs Node\.js 22\.18 or newer, this is \S+$/)
    }
  })

  it('an open directory for its socket', async () => {
    const open = join(machine.root, 'open')
    mkdirSync(open, { mode: 0o777 })
    execFileSync('chmod', ['0777', open])
    const ended = await machine.atolld('--socket', join(open, 's'), '--data', join(open, 'd'))
    assertOneSentence(ended, 7, /^error DENIED: /)
    assert.deepEqual(readdirSync(open), [])
    assert.equal(statSync(open).mode & 0o777, 0o777)
  })
})
