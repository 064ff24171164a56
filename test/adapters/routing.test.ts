/** Whoever is connected comes into the routing table, also when its first ping has failed. */
import assert from 'node:assert/strict'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { RoutingUpkeep } from '../../src/adapters/libp2p-routing.ts'
import { memberOf } from '../topology/members.ts'
import { until } from './loopback.ts'

const A = peerIdFromString(memberOf('a').id)
const DELAYS_MS = [1, 1, 1]

class Desk {
  readonly known = new Set<string>()
  readonly pings: string[] = []
  /** Pings that fail before one is answered. */
  failures = 0
  throws = false
  connected = true
  readonly upkeep: RoutingUpkeep

  constructor(delaysMs: readonly number[] = DELAYS_MS) {
    const table = {
      find: async (peer: PeerId) => (this.known.has(peer.toString()) ? peer : undefined),
      add: async (peer: PeerId) => {
        this.pings.push(peer.toString())
        if (this.failures-- <= 0) this.known.add(peer.toString())
        else if (this.throws) throw new Error('no answer')
      },
    }
    const isConnected = (): boolean => this.connected
    this.upkeep = new RoutingUpkeep({ table, isConnected, delaysMs })
  }

  async settled(): Promise<void> {
    await until('nobody is looked after', () => this.upkeep.size === 0)
  }
}

describe('routing table', () => {
  it('nothing is done for who is in it', async () => {
    const desk = new Desk()
    desk.known.add(A.toString())
    desk.upkeep.identified(A)
    await desk.settled()
    assert.deepEqual(desk.pings, [])
  })

  it('who is not is added, again if the ping fails', async () => {
    for (const throws of [false, true]) {
      const desk = new Desk()
      desk.failures = 2
      desk.throws = throws
      desk.upkeep.identified(A)
      await desk.settled()
      assert.equal(desk.pings.length, 3)
      assert.ok(desk.known.has(A.toString()))
    }
  })

  it('so many times and no more, until it is connected anew', async () => {
    const desk = new Desk()
    desk.failures = 4
    desk.upkeep.identified(A)
    await desk.settled()
    assert.equal(desk.pings.length, DELAYS_MS.length)
    desk.upkeep.identified(A)
    await desk.settled()
    assert.ok(desk.known.has(A.toString()))
  })

  it('not when it is gone', async () => {
    const desk = new Desk()
    desk.connected = false
    desk.upkeep.identified(A)
    await desk.settled()
    assert.deepEqual(desk.pings, [])
  })

  it('once for several connections of one peer, and never after the end', async () => {
    const desk = new Desk([50, 50])
    for (let i = 0; i < 10; i++) desk.upkeep.identified(A)
    assert.equal(desk.upkeep.size, 1)
    desk.upkeep.stop()
    assert.equal(desk.upkeep.size, 0)
    desk.upkeep.identified(A)
    assert.equal(desk.upkeep.size, 0)
    assert.deepEqual(desk.pings, [])
  })
})
