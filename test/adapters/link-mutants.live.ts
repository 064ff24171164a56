/** Bounds and rules of frames and links broken one at a time; the tests named must notice. */
import { type AdapterMutant, describeAdapterMutants } from './planted.ts'

type Suite =
  | 'adapters/dial.live'
  | 'adapters/frames.test'
  | 'adapters/link.live'
  | 'adapters/muxer.live'
  | 'adapters/window-credit.test'
  | 'contract/network.live'

const MUTANTS: readonly AdapterMutant<Suite>[] = [
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
]

describeAdapterMutants('mutants of libp2p links', MUTANTS)
