/** A daemon's life around its node: coming up, being claimed, and every way down. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtollError } from '../../src/base/errors.ts'
import { isCommandLine } from '../../src/cli/command-word.ts'
import { Daemon, type DaemonNode, type DaemonOptions } from '../../src/daemon/daemon.ts'
import { connect } from '../../src/rpc/connect.ts'
import { FakeNode } from '../rpc/fake-node.ts'
import { turns, until } from '../rpc/rig.ts'

class LivingNode extends FakeNode implements DaemonNode {
  readonly end = Promise.withResolvers<Error>()
  readonly failed = this.end.promise
  /** Starting waits for it, when set. */
  up: Promise<void> | null = null
  started = false
  stops = 0

  async start(): Promise<void> {
    await this.up
    this.started = true
  }

  stop(): Promise<void> {
    this.stops++
    return Promise.resolve()
  }
}

describe('daemon', () => {
  let dir: string
  let socket: string
  let node: LivingNode
  const daemons: Daemon[] = []
  const logged: string[] = []

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-daemon-'))
    socket = join(dir, 's')
    node = new LivingNode()
  })
  afterEach(async () => {
    await Promise.all(daemons.splice(0).map((daemon) => daemon.stop()))
    rmSync(dir, { recursive: true, force: true })
  })

  function make(options: Partial<DaemonOptions> = {}): Daemon {
    const log = {
      allows: () => true,
      write: (_level: string, event: string) => void logged.push(event),
    }
    const open = () => Promise.resolve(node)
    const daemon = new Daemon({
      socket,
      log,
      open,
      claim: null,
      intended: null,
      serveMetrics: null,
      ...options,
    })
    daemons.push(daemon)
    return daemon
  }

  it('serves its node, and is gone without a trace when stopped', async () => {
    const daemon = make()
    await daemon.start()
    await using client = await connect({ socket })
    assert.equal((await client.status()).name, 'a')
    await daemon.stop()
    assert.equal(node.stops, 1)
    assert.ok(!existsSync(socket))
    await assert.rejects(client.status(), { code: 'UNREACHABLE' })
  })

  it('serves metrics of its node and of itself, and says so while there are none', async () => {
    const up = Promise.withResolvers<void>()
    node.up = up.promise
    let text: (() => Promise<string>) | null = null
    let closed = 0
    const daemon = make({
      serveMetrics: async (read) => {
        text = read
        return { close: async () => void closed++ }
      },
    })
    const read = async (): Promise<string> => (await text?.()) ?? ''
    const starting = daemon.start()
    await until(() => text !== null, 'the metrics')
    await assert.rejects(read(), { code: 'BUSY' })
    up.resolve()
    await starting
    const shown = await read()
    for (const name of ['atoll_fake_seconds_bucket', 'atoll_rpc_connections 0', 'process_']) {
      assert.ok(shown.includes(name), name)
    }
    await daemon.stop()
    assert.equal(closed, 1)
  })

  it('does not open its node when its metrics cannot be served', async () => {
    const taken = new AtollError('ADDRESS_IN_USE', 'the port is taken')
    const daemon = make({ serveMetrics: () => Promise.reject(taken) })
    await assert.rejects(daemon.start(), { code: 'ADDRESS_IN_USE' })
    assert.equal(node.started, false)
  })

  it('lets early clients wait until the node is up', async () => {
    const up = Promise.withResolvers<void>()
    node.up = up.promise
    const daemon = make()
    const starting = daemon.start()
    await until(() => existsSync(socket), 'the socket')
    await using client = await connect({ socket })
    const status = client.status()
    assert.equal(node.started, false)
    up.resolve()
    await starting
    assert.equal((await status).state, 'running')
  })

  it('claims an unclaimed node before anybody is served, and a claimed one never', async () => {
    node.claimed = false
    let claims = 0
    const claim: DaemonOptions['claim'] = async (api) => {
      claims++
      await api.init()
    }
    const first = make({ claim })
    await first.start()
    await first.stop()
    await make({ claim }).start()
    assert.equal(claims, 1)
  })

  it('says so when its ticket is of another cluster than its directory', async () => {
    const { clusterId } = await node.status()
    for (const [named, said] of [
      [clusterId, 0],
      [null, 0],
      ['another', 1],
    ] as const) {
      logged.length = 0
      const daemon = make({ intended: () => Promise.resolve(named) })
      await daemon.start()
      await daemon.stop()
      assert.equal(
        logged.filter((event) => event === 'daemon.other-cluster').length,
        said,
        named ?? '',
      )
    }
  })

  it('lets clients wait until the claim is done', async () => {
    node.claimed = false
    const ticket = Promise.withResolvers<void>()
    const daemon = make({
      claim: async (api) => {
        await ticket.promise
        await api.init()
      },
    })
    const starting = daemon.start()
    await until(() => existsSync(socket), 'the socket')
    await using client = await connect({ socket })
    const state = client.status().then((status) => status.state)
    await until(() => node.started, 'the node started')
    await turns()
    ticket.resolve()
    await starting
    assert.equal(await state, 'running')
  })

  it('does not come up when the claim fails, and leaves no socket', async () => {
    node.claimed = false
    const daemon = make({ claim: (api) => api.join('atoll1wrong') })
    await assert.rejects(daemon.start(), { code: 'TICKET_INVALID' })
    await daemon.stop()
    assert.equal(node.stops, 1)
    assert.ok(!existsSync(socket))
  })

  it('does not open a node when its socket is a live daemon’s', async () => {
    await make().start()
    let opened = false
    const second = make({
      open: () => {
        opened = true
        return Promise.resolve(new LivingNode())
      },
    })
    await assert.rejects(second.start(), { code: 'ADDRESS_IN_USE' })
    await second.stop()
    assert.equal(opened, false)
    assert.ok(existsSync(socket), 'the live daemon keeps its socket')
  })

  it('gives the socket up when the node cannot be opened', async () => {
    const locked = new AtollError('DIR_LOCKED', 'another process uses it')
    const daemon = make({ open: () => Promise.reject(locked) })
    await assert.rejects(daemon.start(), { code: 'DIR_LOCKED' })
    await daemon.stop()
    assert.ok(!existsSync(socket))
  })

  it('ends after a leave that was answered', async () => {
    const daemon = make()
    await daemon.start()
    await using client = await connect({ socket })
    await client.leave()
    assert.deepEqual(await daemon.ended, { kind: 'left' })
  })

  it('ends with the error of a node that failed', async () => {
    const daemon = make()
    await daemon.start()
    node.end.resolve(new AtollError('STORAGE_FAILED', 'fsync failed'))
    const end = await daemon.ended
    assert.equal(end.kind === 'failed' && end.error.code, 'STORAGE_FAILED')
  })
})

describe('atolld’s arguments', () => {
  it('are a command when there is a word, else settings', () => {
    assert.equal(isCommandLine([]), false)
    assert.equal(isCommandLine(['--data', 'dev', '--init']), false)
    assert.equal(isCommandLine(['--join', '-']), false)
    assert.equal(isCommandLine(['--socket', 's', '--help']), false)
    assert.equal(isCommandLine(['dev']), true)
    assert.equal(isCommandLine(['--socket', 's', 'kv', 'get', 'k']), true)
    assert.equal(isCommandLine(['-o', 'json', 'status']), true)
  })
})
