/** Lengths that frames of yamux say, however they come. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { FrameGuard, YAMUX_FRAME_BYTES_MAX } from '../../src/adapters/libp2p-frame-guard.ts'

const DATA = 0
const WINDOW_UPDATE = 1
const PING = 2

function header(type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(12)
  bytes[1] = type
  new DataView(bytes.buffer).setUint32(8, length)
  return bytes
}

function data(length: number): Uint8Array {
  // What looks like a header of a long frame, were it read as one.
  return Buffer.concat([header(DATA, length), new Uint8Array(length).fill(0xff)])
}

describe('frame guard', () => {
  it('lets frames up to the limit pass, and numbers that are no lengths', () => {
    const guard = new FrameGuard()
    for (const length of [0, 1, 12, YAMUX_FRAME_BYTES_MAX]) assert.ok(guard.pass(data(length)))
    assert.ok(guard.pass(header(WINDOW_UPDATE, 2 ** 32 - 1)))
    assert.ok(guard.pass(header(PING, 2 ** 32 - 1)))
    assert.ok(guard.pass(data(3)))
  })

  it('stops at a length over the limit, before any of its data', () => {
    for (const length of [YAMUX_FRAME_BYTES_MAX + 1, 2 ** 31, 2 ** 32 - 1]) {
      assert.equal(new FrameGuard().pass(header(DATA, length)), false)
    }
  })

  it('says the same whatever pieces they come in', () => {
    const frames = fc.array(
      fc.oneof(
        fc.nat(300).map(data),
        fc.nat().map((length) => header(WINDOW_UPDATE, length)),
      ),
    )
    const property = fc.property(frames, fc.array(fc.nat(400)), fc.boolean(), (list, cuts, bad) => {
      const guard = new FrameGuard()
      const all = Buffer.concat([...list, ...(bad ? [header(DATA, 2 ** 30)] : [])])
      const ends = [...cuts.sort((a, b) => a - b), all.length].map((at) => Math.min(at, all.length))
      const pieces = ends.map((end, i) => all.subarray(ends[i - 1] ?? 0, end))
      const half = pieces.length >> 1
      const passed = pieces.slice(0, half).every((piece) => guard.pass(piece))
      assert.equal(passed && guard.pass(new Uint8ArrayList(...pieces.slice(half))), !bad)
    })
    fc.assert(property)
  })
})
