/** Bounds and rules of dials and connections broken one at a time; the tests named must notice. */
import { type AdapterMutant, describeAdapterMutants } from './planted.ts'

type Suite =
  | 'adapters/dial.live'
  | 'adapters/frame-guard.test'
  | 'adapters/life.live'
  | 'adapters/muxer.live'
  | 'adapters/tls-connection.live'
  | 'contract/network.live'

const MUTANTS: readonly AdapterMutant<Suite>[] = [
  // Dials.
  [
    'refused by one is refused by all',
    'adapters/dial.live',
    /every address/,
    'dial-error',
    'real.every(isRefused)',
    'real.some(isRefused)',
  ],
  [
    'denied is called unreachable',
    'contract/network.live',
    /another peer answers/,
    'dial-error',
    "if (real.some(({ name }) => DENIED_NAMES.has(name))) return 'denied'",
    '',
  ],
  [
    'no answer is called unreachable',
    'adapters/dial.live',
    /runs out of time/,
    'dial-error',
    "if (real.some(isTimeout)) return 'timeout'",
    '',
  ],
  [
    'one address after another',
    'adapters/dial.live',
    /never answer$/,
    'dialler',
    'setTimeout(() => this.#next(), STAGGER_MS)',
    'setTimeout(() => this.#next(), 2 ** 30)',
  ],
  [
    'attempts that lost go on',
    'adapters/dial.live',
    /attempts that lost/,
    'dialler',
    'for (const aborter of this.#aborters) aborter.abort()',
    '',
  ],
  [
    'each dial for itself',
    'adapters/dial.live',
    /shares one connection/,
    'dialler',
    'this.#races.set(peer, race)',
    '',
  ],
  [
    'who gives up ends it for all',
    'adapters/dial.live',
    /shares one connection/,
    'dialler',
    'if (this.#waiters.size === 0) this.#end()',
    "this.fail('given up')",
  ],
  [
    'a frozen connection is used again',
    'adapters/dial.live',
    /that is frozen/,
    'network',
    'this.#doubtful.add(connection)',
    '',
  ],
  [
    'a dying connection is the last word',
    'adapters/dial.live',
    /at its end/,
    'network',
    'if (signal.aborted || isDenial(error)) throw error',
    'if (isDenial !== null) throw error',
  ],
  [
    'dials outlive the network',
    'adapters/life.live',
    /amid dials/,
    'network',
    'this.#dialler.stop()',
    '',
  ],
  [
    'any failure to listen is a port taken',
    'adapters/life.live',
    /why it cannot/,
    'network',
    '/EADDRINUSE/.test(why)',
    'why.length > 0',
  ],
  [
    'the peer stays in an address',
    'contract/network.live',
    /with the peer in them/,
    'addresses',
    'return at < 0 ? text : text.slice(0, at)',
    'return at < 0 ? text : text',
  ],

  // Connections.
  [
    'frames of any length are waited for',
    'adapters/frame-guard.test',
    /over the limit/,
    'frame-guard',
    'if (this.#rest > YAMUX_FRAME_BYTES_MAX) return false',
    '',
  ],
  [
    'data are taken for headers',
    'adapters/frame-guard.test',
    /up to the limit|whatever pieces/,
    'frame-guard',
    'this.#rest = this.#view.getUint32(LENGTH_AT)\n',
    'if (this.#view.getUint32(LENGTH_AT) > YAMUX_FRAME_BYTES_MAX) return false\n',
  ],
  [
    'nobody looks at the lengths of frames',
    'adapters/muxer.live',
    /nobody would send/,
    'muxer',
    'if (guard.pass(data)) return',
    'if (guard !== null) return',
  ],
  [
    'streams outlive a frame that is too long',
    'adapters/muxer.live',
    /nobody would send/,
    'muxer',
    'queueMicrotask(() => connection.abort(',
    'void [0].map(() => connection.abort(',
  ],
  [
    'who is silent is waited for',
    'adapters/tls-connection.live',
    /is silent/,
    'tls-connection',
    "this.abort(new TimeoutError('silent for too long'))",
    'undefined',
  ],
  [
    'who speaks is taken for silent',
    'adapters/tls-connection.live',
    /speaks/,
    'tls-connection',
    'this.#silence.refresh()',
    '',
  ],
  [
    'what is said to who is silent buys time',
    'adapters/tls-connection.live',
    /is silent/,
    'tls-connection',
    'canSendMore = this.#socket.write(piece)',
    'canSendMore = this.#silence.refresh() && this.#socket.write(piece)',
  ],
  [
    'what waits for a peer is not bounded',
    'adapters/tls-connection.live',
    /bounds what waits/,
    'tls-connection',
    'maxWriteBufferLength: WAITING_BYTES_MAX',
    'maxWriteBufferLength: 100 * WAITING_BYTES_MAX',
  ],
  [
    'nobody is told to go on',
    'adapters/tls-connection.live',
    /goes on/,
    'tls-connection',
    "this.safeDispatchEvent('drain')",
    'undefined',
  ],
  [
    'what waits outlives the other side',
    'adapters/tls-connection.live',
    /ends with the other side/,
    'tls-connection',
    "socket.once('end', () => socket.destroy())",
    "socket.once('end', () => this.onTransportClosed())",
  ],
  [
    'the end does not flush',
    'adapters/tls-connection.live',
    /flushes/,
    'tls-connection',
    'this.#socket.destroySoon()',
    'this.#socket.destroy()',
  ],
  [
    'the end is waited for without end',
    'adapters/tls-connection.live',
    /as long as told/,
    'tls-connection',
    'signal === undefined ? {} : { signal }',
    'signal === undefined ? {} : {}',
  ],
  [
    'a socket that has gone is a connection',
    'adapters/tls-connection.live',
    /has gone/,
    'tls-connection',
    "if (socket.destroyed) throw new Error('gone before it was a connection')",
    '',
  ],
]

describeAdapterMutants('mutants of libp2p connections', MUTANTS)
