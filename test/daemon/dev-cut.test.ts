/** The cable of a throw-away mesh: cut, nothing passes and nothing breaks; healed, links are new. */
import assert from 'node:assert/strict'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { silentLog } from '../../src/adapters/system-log.ts'
import { SystemRandom } from '../../src/adapters/system-random.ts'
import { Cable, withCable } from '../../src/daemon/dev-cut.ts'
import type { Link, LinkHandler, Network } from '../../src/seams/network.ts'

class FakeLink implements Link {
  readonly peer = 'peer'
  readonly trafficClass = 'request'
  readonly inbound = false
  readonly sent: Uint8Array[] = []
  aborted = false
  handler: LinkHandler | null = null

  open(handler: LinkHandler): void {
    this.handler = handler
  }
  send(frame: Uint8Array): boolean {
    this.sent.push(frame)
    return true
  }
  close(): void {}
  abort(): void {
    this.aborted = true
    this.handler?.onClose('closed')
  }
}

function rig() {
  const link = new FakeLink()
  const network: Network = {
    self: 'self',
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    addresses: () => [],
    learnAddresses: () => undefined,
    dial: () => Promise.resolve(link),
    disconnect: () => undefined,
    findPeer: () => Promise.resolve(['/ip4/127.0.0.1/tcp/1']),
    closestPeers: () => Promise.resolve([{ peer: 'peer', addresses: [] }]),
    tryAddresses: () => Promise.resolve('open'),
  }
  const cable = new Cable()
  const seams = withCable(
    {
      clock: new SystemClock(),
      random: new SystemRandom(),
      log: silentLog,
      network: () => network,
      storage: () => Promise.reject(new Error('not used')),
    },
    cable,
  )
  const none = new Uint8Array(32)
  const config = { privateKeySeed: none, networkKey: none, listen: [], announce: [] }
  return { link, cable, network: seams.network(config) }
}

describe('dev cut', () => {
  it('drops frames both ways without a sign, and aborts the link when healed', async () => {
    const { link, cable, network } = rig()
    const seen: string[] = []
    const dialled = await network.dial('peer', 'request', { timeoutMs: 1000 })
    dialled.open({
      onFrame: (frame) => void seen.push(`frame ${frame.length}`),
      onDrain: () => undefined,
      onClose: (reason) => void seen.push(reason),
    })
    assert.equal(dialled.send(Uint8Array.of(1)), true)
    link.handler?.onFrame(Uint8Array.of(1))
    cable.cut()
    assert.equal(dialled.send(Uint8Array.of(1, 2)), true)
    link.handler?.onFrame(Uint8Array.of(1, 2))
    assert.equal(link.sent.length, 1)
    assert.deepEqual(seen, ['frame 1'])
    cable.heal()
    assert.ok(link.aborted)
    assert.deepEqual(seen, ['frame 1', 'closed'])
  })

  it('lets dials hang until their time-out, and lookups find nobody', async () => {
    const { cable, network } = rig()
    cable.cut()
    const started = performance.now()
    const dialled = network.dial('peer', 'request', { timeoutMs: 30 })
    // A pending timer of the clock does not keep the process alive.
    const alive = setTimeout(() => undefined, 5000)
    await assert.rejects(dialled, { kind: 'timeout' })
    clearTimeout(alive)
    assert.ok(performance.now() - started >= 29)
    assert.deepEqual(await network.findPeer('peer', 10), [])
    assert.deepEqual(await network.closestPeers(new Uint8Array(32), 10), [])
    assert.equal(await network.tryAddresses('peer', 10), 'timeout')
    cable.heal()
    assert.equal(await network.tryAddresses('peer', 10), 'open')
    const [near] = await network.closestPeers(new Uint8Array(32), 10)
    assert.equal(near?.peer, 'peer')
  })
})
