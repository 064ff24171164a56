/**
 * Mutants of the libp2p adapter: each breaks one bound or one rule, and the tests named beside it
 * must notice.
 */
import { describeMutants } from '../mutate.ts'

type Suite =
  | 'adapters/frames.test'
  | 'adapters/window-credit.test'
  | 'adapters/muxer.live'
  | 'adapters/link.live'
  | 'adapters/dial.live'
  | 'adapters/strangers.live'
  | 'adapters/life.live'
  | 'adapters/find-peer.live'
  | 'contract/network.live'

/** What it does, who notices, the file, the text, what becomes of it. */
type Mutant = readonly [string, Suite, RegExp, string, string, string]

const MUTANTS: readonly Mutant[] = [
  // Frames.
  [
    'lengths are not limited',
    'adapters/frames.test',
    /over the limit/,
    'frame-reader',
    'if (this.#length > FRAME_BYTES_MAX) return false',
    '',
  ],
  [
    'memory by what was announced',
    'adapters/frames.test',
    /take memory by/,
    'frame-reader',
    'Math.min(Math.max(PARTIAL_BYTES_MIN, 2 * have), this.#length)',
    'this.#length',
  ],
  [
    'frames are views',
    'adapters/frames.test',
    /are copies/,
    'frame-reader',
    'new Uint8Array(rest)',
    'rest',
  ],
  [
    'prefixes do not count as waiting',
    'adapters/frames.test',
    /counts what waits/,
    'send-queue',
    'this.#push(prefixOf(frame.length))',
    'this.#pieces.push(prefixOf(frame.length))',
  ],

  // Yamux.
  [
    'frames leave in pieces',
    'adapters/muxer.live',
    /in one piece/,
    'muxer',
    'credit.pass(data.subarray())',
    'data as Uint8Array',
  ],
  [
    'credit that waited is forgotten',
    'adapters/window-credit.test',
    /comes whole/,
    'window-credit',
    '+ (this.#owed.get(stream) ?? 0)',
    '',
  ],
  [
    'credit waits for a whole window',
    'adapters/window-credit.test',
    /comes whole|less than 64 KiB/,
    'window-credit',
    'credit >= WORTH_BYTES',
    'credit >= 4 * WORTH_BYTES',
  ],
  [
    'the frame that opens a stream waits',
    'adapters/window-credit.test',
    /opens or ends/,
    'window-credit',
    'view.getUint16(FLAGS_AT) !== 0 || ',
    '',
  ],
  [
    'streams that are owed something are not limited',
    'adapters/window-credit.test',
    /pays the oldest/,
    'window-credit',
    'this.#owed.size > OWED_STREAMS_MAX',
    'false',
  ],

  // Links.
  [
    'no deadline for a frame',
    'adapters/link.live',
    /trickles in/,
    'link',
    'setTimeout(() => this.abort(), this.#times.frameMs)',
    'setTimeout(() => undefined, this.#times.frameMs)',
  ],
  [
    'each byte buys time',
    'adapters/link.live',
    /trickles in/,
    'link',
    'if (same && this.#frameTimer !== null) return',
    '',
  ],
  [
    'the time of one frame runs on for the next',
    'adapters/link.live',
    /always amid a frame/,
    'link',
    'this.#watchFrame(wasMidFrame && frames === 0)',
    'this.#watchFrame(wasMidFrame)',
  ],
  [
    'what waits is not bounded',
    'adapters/link.live',
    /holds back/,
    'link',
    'if (this.#queue.bytes > LINK_BUFFER_HARD_BYTES) this.abort()',
    '',
  ],
  [
    'never asks to hold back',
    'contract/network.live',
    /when to hold back/,
    'link',
    'this.#full = this.#queue.bytes > LINK_BUFFER_BYTES',
    'this.#full = false',
  ],
  [
    'never says to go on',
    'adapters/link.live',
    /goes on when/,
    'link',
    "if (this.#state === 'open') this.#handler?.onDrain()",
    '',
  ],
  [
    'frames of any size are sent',
    'contract/network.live',
    /frame that is too large/,
    'link',
    'if (frame.length > FRAME_BYTES_MAX) {',
    'if (frame.length < 0) {',
  ],
  [
    'no deadline for an end',
    'adapters/link.live',
    /ends in time/,
    'link',
    'setTimeout(() => this.abort(), this.#times.closeMs)',
    'setTimeout(() => undefined, this.#times.closeMs)',
  ],
  [
    'half a frame is a good end',
    'adapters/link.live',
    /half a frame/,
    'link',
    "if (this.#reader.midFrame && this.#state === 'open') this.abort()",
    'if (this.#shut) return',
  ],
  [
    'a lost connection is a good end',
    'contract/network.live',
    /disconnects|when it stops/,
    'link',
    "if (this.#stream.status !== 'open') return",
    '',
  ],
  [
    'the end is not waited for',
    'contract/network.live',
    /flushes before/,
    'link',
    "if (this.#state === 'closing' && this.#queue.bytes === 0)",
    "if (this.#state === 'closing')",
  ],

  // Bounds of a peer.
  [
    'links of a peer are not bounded',
    'adapters/link.live',
    /newest links/,
    'links',
    'rivals.length > INBOUND_LINKS_MAX',
    'INBOUND_LINKS_MAX < 0',
  ],
  [
    'the newest link goes',
    'adapters/link.live',
    /newest links/,
    'links',
    'rivals[0]?.abort()',
    'link.abort()',
  ],
  [
    'classes count together',
    'adapters/link.live',
    /newest links/,
    'links',
    'inbound && trafficClass === link.trafficClass',
    "inbound && trafficClass !== 'join'",
  ],
  [
    'connections of a peer are not bounded',
    'adapters/link.live',
    /newest connections/,
    'network',
    'if (open.length <= CONNECTIONS_PER_PEER_MAX) return',
    'if (open.length > 0) return',
  ],
  [
    'dials are not bounded',
    'adapters/dial.live',
    /bounds the peers/,
    'dialler',
    'this.#races.size >= DIALS_MAX',
    'DIALS_MAX < 0',
  ],

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

  // Strangers.
  [
    'strangers are not bounded',
    'adapters/strangers.live',
    /are bounded/,
    'listener',
    'socket.destroy()\n  }\n\n  /** It',
    '}\n\n  /** It',
  ],
  [
    'the newest stranger makes room',
    'adapters/strangers.live',
    /are bounded/,
    'listener',
    'const [oldest] = this.#strangers\n',
    'const oldest = [...this.#strangers].at(-1)\n',
  ],
  [
    'peers count as strangers',
    'adapters/strangers.live',
    /peers are none/,
    'listener',
    'this.#strangers.delete(from)\n      const {',
    'const {',
  ],
  [
    'who knows the key is waited for',
    'adapters/strangers.live',
    /not waited for/,
    'listener',
    'this.#upgrader.createInboundAbortSignal(this.#closing.signal)',
    'Object.assign(new AbortController().signal, { clear: () => undefined })',
  ],
  [
    'who says nothing is waited for',
    'adapters/strangers.live',
    /not waited for/,
    'listener',
    "socket.destroy())\n    this.#server.on('error",
    "socket.pause())\n    this.#server.on('error",
  ],
  [
    'a handshake is of any connection',
    'adapters/strangers.live',
    /pass on the handshake/,
    'handshake',
    'concatBytes([PROLOGUE, binding])',
    'concatBytes([PROLOGUE])',
  ],
  [
    'another key is called unreachable',
    'contract/network.live',
    /another network key/,
    'network-key',
    ".startsWith('ERR_SSL_')",
    ".startsWith('ERR_TLS_')",
  ],
  [
    'whoever answers is the peer',
    'contract/network.live',
    /another peer answers/,
    'handshake',
    '...(remotePeer !== undefined && { remotePeer })',
    '',
  ],
  [
    'the handshake takes what comes after it',
    'adapters/strangers.live',
    /what comes after/,
    'handshake',
    'if (this.#unread.length > 0) this.#socket.unshift(this.#unread)',
    '',
  ],
  [
    'a piece is a message',
    'adapters/strangers.live',
    /any pieces/,
    'handshake',
    'if (this.#unread.length < end) return',
    '',
  ],

  // Lookups.
  [
    'its own stale memory answers a lookup',
    'adapters/find-peer.live',
    /own memory/,
    'network',
    'useCache: false',
    'useCache: true',
  ],
]

describeMutants(
  'mutants of the libp2p adapter',
  ['adapters', 'contract'],
  MUTANTS.map(([name, suite, tests, file, from, to]) => {
    return { name, suites: [suite], tests, file: `adapters/libp2p-${file}.ts`, from, to }
  }),
)
