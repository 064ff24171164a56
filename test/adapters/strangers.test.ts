/** Who makes room when strangers crowd. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { STRANGERS_MAX, Strangers } from '../../src/adapters/libp2p-strangers.ts'

/** As much of a socket as is looked at. */
class End extends EventEmitter {
  readonly localAddress = '10.0.0.1'
  remoteAddress: string | undefined
  readonly remotePort: number
  destroyed = false

  constructor(remoteAddress: string | undefined, remotePort: number) {
    super()
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
  }

  destroy(): void {
    this.destroyed = true
  }

  close(): void {
    this.destroyed = true
    this.emit('close')
  }
}

function socketOf(end: End): Socket {
  return end as unknown as Socket
}

function crowd(strangers: Strangers, count: number, hostOf: (i: number) => string): End[] {
  const ends = Array.from({ length: count }, (_, i) => new End(hostOf(i), i))
  for (const end of ends) strangers.add(socketOf(end))
  return ends
}

function left(ends: readonly End[]): number {
  return ends.filter(({ destroyed }) => !destroyed).length
}

describe('strangers, counted', () => {
  it('of one host crowd out the oldest of its own, and nobody else', () => {
    const strangers = new Strangers()
    const others = crowd(strangers, 10, (i) => `10.1.0.${i}`)
    const flood = crowd(strangers, 5 * STRANGERS_MAX, () => '10.2.0.1')
    assert.equal(left(others), 10)
    assert.equal(left(flood), STRANGERS_MAX - 10)
    assert.equal(left(flood.slice(-STRANGERS_MAX + 10)), STRANGERS_MAX - 10)
  })

  it('of one IPv6 network are one host', () => {
    const strangers = new Strangers()
    const others = ['2001:db8::1', '2001:db8:0:1::', '::1', 'fe80::1%eth0', '10.2.0.1'].flatMap(
      (host) => crowd(strangers, 2, () => host),
    )
    const addressOf = (i: number): string => `2001:db8:0:2:${i.toString(16)}::7`
    const flood = crowd(strangers, 5 * STRANGERS_MAX, addressOf)
    assert.equal(left(others), 10)
    assert.equal(left(flood), STRANGERS_MAX - 10)
  })

  it('of many hosts are bounded, and no more than that', () => {
    const strangers = new Strangers()
    const hostOf = (i: number): string => `10.${i >> 8}.${i & 255}.1`
    const first = crowd(strangers, STRANGERS_MAX, hostOf)
    assert.equal(left(first), STRANGERS_MAX)
    const more = crowd(strangers, STRANGERS_MAX, (i) => hostOf(1000 + i))
    assert.equal(left([...first, ...more]), STRANGERS_MAX)
  })

  it('are counted once, whether they proved something, closed, or both', () => {
    const strangers = new Strangers()
    for (let round = 0; round < 3; round++) {
      for (const end of crowd(strangers, STRANGERS_MAX, () => `10.2.0.${round}`)) {
        strangers.delete(socketOf(end))
        strangers.delete(socketOf(end))
        end.close()
      }
      for (const end of crowd(strangers, STRANGERS_MAX, () => `10.3.0.${round}`)) end.close()
    }
    const ends = crowd(strangers, STRANGERS_MAX + 1, () => '10.2.0.1')
    assert.equal(left(ends), STRANGERS_MAX)
  })

  it('that closed late take no other of the same address with them', () => {
    const strangers = new Strangers()
    const [late, heir] = [new End('10.2.0.1', 7000), new End('10.2.0.1', 7000)]
    strangers.add(socketOf(late))
    strangers.add(socketOf(heir))
    late.close()
    crowd(strangers, STRANGERS_MAX, () => '10.2.0.1')
    assert.equal(heir.destroyed, true)
  })

  it('that have gone already are not kept', () => {
    const gone = new End(undefined, 0)
    new Strangers().add(socketOf(gone))
    assert.equal(gone.destroyed, true)
  })
})
