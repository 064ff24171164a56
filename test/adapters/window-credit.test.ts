/** Little credit waits, none is lost, and the sender always has most of its window. */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { OWED_STREAMS_MAX, WindowCredit } from '../../src/adapters/libp2p-window-credit.ts'

const KIB = 1024
const SYN = 1

function frame(type: number, flags: number, stream: number, length: number): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint8(1, type)
  view.setUint16(2, flags)
  view.setUint32(4, stream)
  view.setUint32(8, length)
  return bytes
}

function update(stream: number, credit: number, flags = 0): Uint8Array {
  return frame(1, flags, stream, credit)
}

describe('window credit', () => {
  it('waits until it is worth a frame, and comes whole', () => {
    const credit = new WindowCredit()
    assert.equal(credit.pass(update(2, 63 * KIB)), null)
    assert.deepEqual(credit.pass(update(2, 1 * KIB)), update(2, 64 * KIB))
    assert.equal(credit.pass(update(2, 5)), null, 'it begins anew')
  })

  it('keeps streams apart', () => {
    const credit = new WindowCredit()
    assert.equal(credit.pass(update(2, 40 * KIB)), null)
    assert.equal(credit.pass(update(4, 40 * KIB)), null)
    assert.deepEqual(credit.pass(update(4, 40 * KIB)), update(4, 80 * KIB))
  })

  it('lets a frame that opens or ends a stream pass at once, with what was owed', () => {
    const credit = new WindowCredit()
    assert.deepEqual(credit.pass(update(2, 0, SYN)), update(2, 0, SYN))
    assert.equal(credit.pass(update(2, 100)), null)
    assert.deepEqual(credit.pass(update(2, 7, 4)), update(2, 107, 4))
  })

  it('lets everything else pass as it is', () => {
    const credit = new WindowCredit()
    const data = new Uint8Array([0, 1, ...new Uint8Array(40)])
    const ping = frame(2, SYN, 0, 9)
    assert.equal(credit.pass(data), data)
    assert.equal(credit.pass(ping), ping)
  })

  it('pays the oldest when many streams are owed something', () => {
    const credit = new WindowCredit()
    for (let stream = 1; stream <= OWED_STREAMS_MAX; stream++) {
      assert.equal(credit.pass(update(stream, stream)), null)
    }
    assert.deepEqual(credit.pass(update(1000, 3)), update(1, 1))
    assert.deepEqual(credit.pass(update(1001, 3)), update(2, 2))
  })

  it('owes a stream less than 64 KiB at any time, whatever comes', () => {
    const updates = fc.array(fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 100 * KIB })))
    fc.assert(
      fc.property(updates, (all) => {
        const credit = new WindowCredit()
        const owed = new Map<number, number>()
        for (const [stream, length] of all) {
          owed.set(stream, (owed.get(stream) ?? 0) + length)
          const sent = credit.pass(update(stream, length))
          if (sent !== null) {
            const view = new DataView(sent.buffer)
            const whose = view.getUint32(4)
            assert.equal(view.getUint32(8), owed.get(whose))
            owed.set(whose, 0)
          }
          for (const bytes of owed.values()) assert.ok(bytes < 64 * KIB)
        }
      }),
    )
  })
})
