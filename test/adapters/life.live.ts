/** Starting, stopping, and many at once. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { TRAFFIC_CLASSES } from '../../src/seams/network.ts'
import { dial, refusal } from '../contract/network.contract.ts'
import { type Loopback, onLoopback, until } from './loopback.ts'
import { addressOf, listener } from './raw-peer.ts'

const NODES = 12

function test(what: string, body: (world: Loopback) => Promise<void>): void {
  it(what, () => onLoopback(body))
}

describe('libp2p network life', () => {
  test('links a dozen peers, each with each, all dialling at once', async (world) => {
    const peers = await Promise.all(Array.from({ length: NODES }, () => world.start()))
    const pairs = peers.flatMap((from, i) => peers.slice(i + 1).map((to) => ({ from, to })))
    const classes = ['gossip', 'request', 'bulk'] as const
    const dials = pairs.flatMap(({ from, to }) => classes.map((one) => ({ from, to, one })))
    // Handshakes of a dozen peers share one thread here.
    const options = { timeoutMs: 18_000 }
    const ears = await Promise.all(dials.map(({ from, to, one }) => dial(from, to, one, options)))
    for (const ear of ears) ear.send(`to ${ear.link.peer}`)
    const heard = (): number =>
      peers.flatMap(({ accepted }) => accepted).filter(({ frames }) => frames.length > 0).length
    await until('all heard', () => heard() === dials.length)
    for (const [i, { network, accepted }] of peers.entries()) {
      assert.ok(accepted.every(({ texts }) => texts[0] === `to ${network.self}`))
      assert.equal(accepted.length, i * classes.length)
      assert.equal(new Set(accepted.map(({ link }) => link.peer)).size, i)
    }
    assert.ok(ears.every(({ closed }) => closed.length === 0))
  })

  test('lets nothing of it keep the process alive after it stopped', async () => {
    const network = new URL('../../src/adapters/libp2p-network.ts', import.meta.url).href
    const log = new URL('../../src/adapters/system-log.ts', import.meta.url).href
    const program = `
      const { Libp2pNetwork } = await import(${JSON.stringify(network)})
      const { silentLog } = await import(${JSON.stringify(log)})
      const make = (n) => new Libp2pNetwork({
        privateKeySeed: new Uint8Array(32).fill(n), networkKey: new Uint8Array(32).fill(1),
        listen: ['/ip4/127.0.0.1/tcp/0'], announce: [],
      }, silentLog)
      const handler = { onFrame() {}, onDrain() {}, onClose() {} }
      const [a, b] = [make(1), make(2)]
      await Promise.all([a, b].map((one) => one.start((link) => link.open(handler))))
      for (const name of ${JSON.stringify(TRAFFIC_CLASSES)}) {
        const link = await a.dial(b.self, name, { addresses: b.addresses(), timeoutMs: 5000 })
        link.open(handler)
        link.send(Uint8Array.of(1))
      }
      await a.findPeer(b.self, 500)
      const gone = a.dial(make(3).self, 'request', {
        addresses: ['/ip4/192.0.2.1/tcp/1'], timeoutMs: 60000,
      }).catch((error) => error)
      await Promise.all([a.stop(), b.stop()])
      console.log((await gone).kind, performance.now())
      process.on('exit', () => console.log('end', performance.now()))
    `
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 15_000,
      encoding: 'utf8',
    })
    assert.equal(run.signal, null, 'it had to be killed')
    const [kind, stoppedMs, end, endMs] = run.stdout.split(/\s+/)
    assert.deepEqual([kind, end, run.stderr], ['stopped', 'end', ''])
    assert.ok(Number(endMs) - Number(stoppedMs) < 2000, run.stdout)
  })

  test('stops quickly amid dials, and tells them', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const addresses = [addressOf(await listener(world, () => undefined))]
    const dialling = refusal(dial(a, b, 'request', { addresses, timeoutMs: 2500 }))
    const startMs = performance.now()
    await a.network.stop()
    assert.equal(await dialling, 'stopped')
    assert.ok(performance.now() - startMs < 2000)
  })

  test('stops although it is still starting', async (world) => {
    const a = world.make()
    const [started] = await Promise.allSettled([a.start(), a.network.stop()])
    assert.equal(started?.status, 'fulfilled')
    const addresses = a.network.addresses()
    const b = await world.start()
    const dialling = b.network.dial(a.network.self, 'request', { addresses, timeoutMs: 1000 })
    assert.match(await refusal(dialling), /refused|unreachable/)
  })

  test('says why it cannot listen', async (world) => {
    const refused = async (listen: string, code: string): Promise<void> => {
      await assert.rejects(world.make({ listen: [listen] }).start(), { code })
    }
    await refused('/ip4/203.0.113.9/tcp/0', 'CONFIG_INVALID')
    await refused('/ip4/127.0.0.1/udp/4410', 'CONFIG_INVALID')
    await refused('/dns4/no.such.host.invalid/tcp/0', 'CONFIG_INVALID')
    const a = await world.start()
    await refused(a.network.addresses()[0] ?? '', 'ADDRESS_IN_USE')
    // A start that failed holds nothing.
    const b = world.make({ listen: ['/ip4/127.0.0.1/tcp/0', a.network.addresses()[0] ?? ''] })
    await assert.rejects(b.start(), { code: 'ADDRESS_IN_USE' })
    await b.network.stop()
  })
})
