/** A stream that is opened on a connection which has just closed must not end the process. */
import { yamux } from '@chainsafe/libp2p-yamux'
import {
  type Logger,
  type MessageStream,
  type StreamMuxerFactory,
  StreamStateError,
} from '@libp2p/interface'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { quietYamux } from '../../src/adapters/libp2p-muxer.ts'

const INIT = { enableKeepAlive: false }

class Connection extends EventTarget {
  readonly direction = 'outbound'
  readonly log: Logger
  readonly #error: Error | null
  sends = 0
  readonly sent: unknown[] = []
  aborted = false

  constructor(error: Error | null) {
    super()
    this.#error = error
    const log = Object.assign(() => undefined, { trace: () => undefined, error: () => undefined })
    this.log = Object.assign(log, { enabled: false, newScope: () => this.log })
  }

  abort(): void {
    this.aborted = true
    this.dispatchEvent(new Event('close'))
  }

  say(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }))
  }

  send(data: unknown): boolean {
    this.sends++
    if (this.#error !== null) throw this.#error
    this.sent.push(data)
    return true
  }
}

/** What reaches the process when a stream is opened. */
async function thrownBy(factory: StreamMuxerFactory, error: Error): Promise<unknown> {
  const connection = new Connection(error)
  const others = process.rawListeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  try {
    const thrown = Promise.race([
      once(process, 'uncaughtException').then(([first]: unknown[]) => first),
      new Promise((resolve) => setImmediate(() => setImmediate(resolve, null))),
    ])
    await factory.createStreamMuxer(connection as unknown as MessageStream).createStream()
    return await thrown
  } finally {
    assert.equal(connection.sends, 1)
    process.removeAllListeners('uncaughtException')
    for (const other of others) process.on('uncaughtException', other as () => void)
  }
}

describe('libp2p muxer', () => {
  it('bears a connection that has just closed', async () => {
    const closed = new StreamStateError('Cannot write to a stream that is closed')
    assert.equal(await thrownBy(yamux(INIT)(), closed), closed, 'yamux alone does not')
    assert.equal(await thrownBy(quietYamux(INIT)(), closed), null)
  })

  it('writes a frame in one piece', async () => {
    const connection = new Connection(null)
    const muxer = quietYamux(INIT)().createStreamMuxer(connection as unknown as MessageStream)
    const stream = await muxer.createStream()
    stream.send(Uint8Array.of(1, 2, 3))
    const frame = connection.sent.at(-1)
    assert.ok(frame instanceof Uint8Array, 'a list would be a write for each of its pieces')
    assert.deepEqual([...frame.subarray(12)], [1, 2, 3])
  })

  it('does not wait for a frame that nobody would send', async () => {
    const connection = new Connection(null)
    const muxer = quietYamux(INIT)().createStreamMuxer(connection as unknown as MessageStream)
    const opening = Uint8Array.of(0, 1, 0, 1, 0, 0, 0, 2, 255, 255, 255, 255)
    connection.say(opening)
    await Promise.resolve()
    assert.equal(connection.aborted, false)
    assert.equal(muxer.streams.length, 1)
    // A second stream, and the header of 4 GiB of data, in one piece.
    const data = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2, 255, 255, 255, 255)
    connection.say(Uint8Array.from([...opening.with(7, 4), ...data]))
    await Promise.resolve()
    assert.equal(connection.aborted, true)
    assert.equal(muxer.streams.length, 0)
  })

  it('hides nothing else', async () => {
    const defect = new TypeError('a defect')
    assert.equal(await thrownBy(quietYamux(INIT)(), defect), defect)
  })
})
