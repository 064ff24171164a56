/** Frames to bytes and back, without a network. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { FrameReader } from '../../src/adapters/libp2p-frame-reader.ts'
import { SendQueue } from '../../src/adapters/libp2p-send-queue.ts'
import { FRAME_BYTES_MAX } from '../../src/seams/network.ts'

function written(queue: SendQueue): Uint8Array[] {
  const writes: Uint8Array[] = []
  for (let next = queue.shift(); next !== null; next = queue.shift()) writes.push(next)
  return writes
}

function readAll(reader: FrameReader, pieces: Iterable<Uint8Array>): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (const piece of pieces) {
    assert.ok(
      reader.read(piece, (frame) => {
        frames.push(frame)
        return true
      }),
    )
  }
  return frames
}

function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    yield Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(size, bytes.length - at))
    at += size
  }
}

describe('frames of a link', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const frame = fc.uint8Array({ maxLength: 300 })
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 30 }), sizes, (frames, pieces) => {
        const queue = new SendQueue()
        for (const one of frames) queue.push(one)
        const reader = new FrameReader()
        const bytes = Buffer.concat(written(queue))
        assert.deepEqual(readAll(reader, cut(bytes, pieces)), frames)
        assert.equal(reader.midFrame, false)
        assert.equal(queue.bytes, 0)
      }),
    )
  })

  it('are copies, not views of what the socket read', () => {
    const piece = Buffer.from([2, 5, 6, 1, 7])
    const frames = readAll(new FrameReader(), [piece])
    piece.fill(0)
    assert.deepEqual(frames, [Uint8Array.of(5, 6), Uint8Array.of(7)])
    assert.ok(frames.every((frame) => frame.buffer.byteLength === frame.length))
  })

  it('are refused over the limit with the first byte that tells', () => {
    const refused = (...prefix: number[]) => !new FrameReader().read(Uint8Array.from(prefix), fail)
    const fail = (): boolean => assert.fail('a frame')
    assert.equal(FRAME_BYTES_MAX, 0x400000)
    assert.equal(refused(0x80, 0x80, 0x80, 0x02), false, 'the limit itself')
    assert.equal(refused(0x81, 0x80, 0x80, 0x02), true)
    assert.equal(refused(0x80, 0x80, 0x80, 0x03), true)
    assert.equal(refused(0x80, 0x80, 0x80, 0x80), true, 'a length that goes on')
  })

  it('take memory by what has come, not by what was announced', () => {
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 200 }, () => {
      const reader = new FrameReader()
      assert.ok(reader.read(Uint8Array.of(0x80, 0x80, 0x80, 0x02, 1, 2, 3), () => true))
      return reader
    })
    const grown = process.memoryUsage().arrayBuffers - before
    assert.ok(grown < readers.length * 128 * 1024, `${grown} bytes`)
    assert.ok(readers.every(({ midFrame }) => midFrame))
  })

  it('come together out of single bytes, within twice their size', () => {
    const frame = new Uint8Array(1_000_000).map((_, i) => i)
    const queue = new SendQueue()
    queue.push(frame)
    const bytes = Buffer.concat(written(queue))
    const reader = new FrameReader()
    const frames = readAll(reader, cut(bytes, [1]))
    assert.equal(frames.length, 1)
    assert.deepEqual(frames[0], frame)
    assert.equal(frames[0]?.buffer.byteLength, frame.length)
  })

  it('stop when the reader of them has had enough', () => {
    const reader = new FrameReader()
    let taken = 0
    assert.ok(reader.read(Uint8Array.of(1, 1, 1, 2, 1, 3), () => ++taken < 2))
    assert.equal(taken, 2)
  })
})

describe('send queue of a link', () => {
  it('joins small frames and cuts large ones', () => {
    const queue = new SendQueue()
    for (let i = 0; i < 1000; i++) queue.push(new Uint8Array(10))
    queue.push(new Uint8Array(1_000_000))
    const writes = written(queue)
    assert.ok(writes.length >= 8 && writes.length < 20, `${writes.length} writes`)
    assert.ok(writes.every(({ length }) => length < 2 * 64 * 1024))
  })

  it('counts what waits, prefixes included, also between writes', () => {
    const queue = new SendQueue()
    for (let i = 0; i < 200_000; i++) queue.push(new Uint8Array(0))
    assert.equal(queue.bytes, 200_000)
    const first = queue.shift()
    assert.equal(queue.bytes + (first?.length ?? 0), 200_000)
    queue.push(new Uint8Array(7))
    assert.equal(Buffer.concat(written(queue)).length + (first?.length ?? 0), 200_008)
    queue.push(new Uint8Array(7))
    queue.clear()
    assert.deepEqual([queue.bytes, queue.shift()], [0, null])
  })
})
