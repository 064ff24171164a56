/** Bounds and rules for strangers broken one at a time; the tests named must notice. */
import { type AdapterMutant, describeAdapterMutants } from './planted.ts'

type Suite =
  | 'adapters/find-peer.live'
  | 'adapters/strangers.live'
  | 'adapters/strangers.test'
  | 'contract/network.live'

const MUTANTS: readonly AdapterMutant<Suite>[] = [
  // Strangers.
  [
    'strangers are not bounded',
    'adapters/strangers.test',
    /of many hosts/,
    'strangers',
    'if (this.#size > STRANGERS_MAX) this.#makeRoom()',
    '',
  ],
  [
    'room is made where anybody is',
    'adapters/strangers.test',
    /nobody else/,
    'strangers',
    'if (size > (this.#hosts.get(crowd)?.size ?? 0)) crowd = host',
    "if (size > 0 && crowd === '') crowd = host",
  ],
  [
    'each address of a network is a host',
    'adapters/strangers.test',
    /IPv6/,
    'strangers',
    'if (!isIPv6(address)) return address',
    "if (!isIPv6(address) || address !== '') return address",
  ],
  [
    'who closed counts for ever',
    'adapters/strangers.test',
    /counted once/,
    'strangers',
    "socket.on('close', () => this.#remove(host, ends, socket))",
    '',
  ],
  [
    'who proved something and closed counts twice',
    'adapters/strangers.test',
    /counted once/,
    'strangers',
    'if (sockets === undefined || found === undefined) return',
    'if (sockets === undefined || found === undefined) return void this.#size--',
  ],
  [
    'who closed takes an heir along',
    'adapters/strangers.test',
    /closed late/,
    'strangers',
    'if (only !== undefined && only !== found) return',
    '',
  ],
  [
    'those without the key are not bounded',
    'adapters/strangers.live',
    /are bounded/,
    'listener',
    'this.#keyless.add(socket)',
    '',
  ],
  [
    'the key wins nothing',
    'adapters/strangers.live',
    /without the key crowd/,
    'listener',
    'this.#keyless.delete(socket)\n    this.#nameless.add(socket)',
    '',
  ],
  [
    'peers count as nameless',
    'adapters/strangers.live',
    /peers are none/,
    'listener',
    'this.#nameless.delete(socket)\n      const {',
    'const {',
  ],
  [
    'a certificate does for the key',
    'adapters/strangers.live',
    /certificate/,
    'network-key',
    'if (!secured.isSessionReused()) throw new NetworkKeyError(NOT_OURS)',
    '',
  ],
  [
    'who names no muxer is waited for',
    'adapters/strangers.live',
    /name no muxer/,
    'handshake',
    "if (streamMuxer === undefined) throw new Error('it names no muxer')",
    '',
  ],
  [
    'messages of any length are waited for',
    'adapters/strangers.live',
    /speak at length/,
    'handshake',
    "if (length > MESSAGE_BYTES_MAX) return this.abort(new ProofError('too long a message'))",
    '',
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

describeAdapterMutants('mutants of libp2p and strangers', MUTANTS)
