/**
 * yamux that says no more than it must, and outlives its connection quietly.
 *
 * A frame leaves as one piece: encryption makes a record and a write of each piece, and keeps the
 * second, which is the data, for the next turn of the event loop. One that comes in is no longer than
 * ours (libp2p-frame-guard.ts).
 *
 * Yamux sends some frames in a microtask or from an event's listener (the first window of a new
 * stream, what waited for a drain). On a connection that has just closed for writing, as one has
 * whose process was stopped for a while, such a send throws where nobody can catch it, and would
 * end the process. Those frames go nowhere in any case: the streams end with the connection.
 */
import { yamux, type YamuxMuxerInit } from '@chainsafe/libp2p-yamux'
import { type MessageStream, type StreamMuxerFactory, StreamStateError } from '@libp2p/interface'
import { FrameGuard } from './libp2p-frame-guard.ts'
import { WindowCredit } from './libp2p-window-credit.ts'

export function quietYamux(init: YamuxMuxerInit): () => StreamMuxerFactory {
  return () => {
    const factory = yamux(init)()
    return {
      protocol: factory.protocol,
      createStreamMuxer: (connection) => factory.createStreamMuxer(quiet(guarded(connection))),
    }
  }
}

function guarded(connection: MessageStream): MessageStream {
  const guard = new FrameGuard()
  connection.addEventListener('message', ({ data }) => {
    if (guard.pass(data)) return
    // Once the muxer has had the same bytes: a stream that they open ends with the connection only
    // if it was there before.
    queueMicrotask(() => connection.abort(new Error('a frame of yamux that is too long')))
  })
  return connection
}

function quiet(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection)
  const credit = new WindowCredit()
  connection.send = (data) => {
    const frame = credit.pass(data.subarray())
    if (frame === null) return true
    try {
      return send(frame)
    } catch (error) {
      if (error instanceof StreamStateError) return true
      throw error
    }
  }
  return connection
}
