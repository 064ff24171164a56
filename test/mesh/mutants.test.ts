/**
 * Rules of mesh and wire broken one at a time, each by a change of one place in the source as it is
 * loaded; the named suite must notice.
 */
import { describeMutants } from '../mutate.ts'

type Suite =
  | 'mesh/bounds'
  | 'mesh/certificate'
  | 'mesh/channel'
  | 'mesh/deadlines'
  | 'mesh/hello'
  | 'mesh/join'
  | 'mesh/lineage'
  | 'mesh/evidence'
  | 'mesh/gossip'
  | 'mesh/lines'
  | 'mesh/ticket'
  | 'mesh/ticket-book'
  | 'wire/codec'

type Mutant = readonly [
  name: string,
  suite: Suite,
  file: string,
  from: string,
  to: string,
  /** Which tests of the suite may notice; all when absent. */
  tests?: RegExp,
]

const MUTANTS: readonly Mutant[] = [
  [
    'copies of a directory go unseen',
    'mesh/lineage',
    'mesh/lineage.ts',
    'then === last.run',
    'then !== undefined',
  ],
  [
    'a copy that starts once more is believed',
    'mesh/lineage',
    'mesh/lineage.ts',
    '[run, ...past][boot - last.boot]',
    '[run][boot - last.boot]',
  ],
  [
    'what is known of starts ends with the process',
    'mesh/lineage',
    'mesh/peer.ts',
    'this.#watch.known ?? this.#context.starts?.of(this.id) ?? null',
    'this.#watch.known',
  ],
  [
    'no start is written down',
    'mesh/lineage',
    'mesh/known-starts.ts',
    '[{ key: PREFIX + peer, value }]',
    '[]',
  ],
  [
    'all starts are remembered for ever',
    'mesh/lineage',
    'mesh/known-starts.ts',
    'if (++left > STARTS_MAX) gone',
    'if (++left > 1e9) gone',
    /so many that are none/,
  ],
  [
    'members are forgotten as others are',
    'mesh/lineage',
    'mesh/known-starts.ts',
    'if (start !== null && isMember(start.storageId)) continue',
    '',
    /so many that are none/,
  ],
  // Who is let in.
  [
    'no certificate is looked at',
    'mesh/hello',
    'mesh/hello.ts',
    'checkCertificate(hello.certificate, expected)',
    '{ role: hello.role, expected, checkCertificate }',
  ],
  [
    'any cluster will do',
    'mesh/certificate',
    'mesh/certificate.ts',
    'if (certificate.clusterId !== clusterId) {',
    'if (clusterId === null) {',
  ],
  [
    'a certificate serves any peer',
    'mesh/certificate',
    'mesh/certificate.ts',
    'if (certificate.peer !== peer) {',
    'if (peer === null) {',
  ],
  [
    'certificates do not expire',
    'mesh/certificate',
    'mesh/certificate.ts',
    'certificate.expiresMs + CERTIFICATE_SKEW_MS < wallMs',
    'wallMs < 0',
  ],
  [
    'signatures are not checked',
    'mesh/certificate',
    'mesh/admission-key.ts',
    'return verify(null, signedBytes(purpose, body), key, signature)',
    'return key !== null && verify !== null',
  ],
  [
    'one signature serves every purpose',
    'mesh/certificate',
    'mesh/admission-key.ts',
    'utf8(`atoll ${purpose} 1\\n`)',
    "utf8(purpose === null ? '' : 'atoll')",
  ],
  [
    'the role of the certificate does not count',
    'mesh/hello',
    'mesh/hello.ts',
    'if (certificate.role !== hello.role) {',
    'if (certificate === null) {',
  ],
  [
    'the gate is open',
    'mesh/hello',
    'mesh/reception.ts',
    'const code = gate(remote)',
    'const code = gate(remote) === null ? null : null',
  ],
  [
    'what comes before the hello is put aside, not refused',
    'mesh/hello',
    'mesh/mesh-link.ts',
    'if (frame[0] === FRAME.REFUSAL) return this.#onRefusedGreeting(frame)',
    'if (frame[0] === FRAME.REFUSAL) return this.#onRefusedGreeting(frame)\n    if (frame[0] !== FRAME.HELLO) return',
  ],
  [
    'an open link is deaf to refusals',
    'mesh/hello',
    'mesh/mesh-link.ts',
    'this.#desk.onDropped(this, decodeRefusal(frame))',
    'decodeRefusal(frame)',
  ],
  [
    'silence at the door is borne for ever',
    'mesh/hello',
    'mesh/mesh-link.ts',
    'this.#desk.clock.after(HELLO_TIMEOUT_MS, () => {',
    'this.#desk.clock.after(HELLO_TIMEOUT_MS * 1e6, () => {',
  ],
  [
    'the door is not bounded',
    'mesh/hello',
    'mesh/reception.ts',
    'this.#greetings.size >= GREETINGS_MAX',
    'GREETINGS_MAX < 0',
  ],

  // Tickets.
  [
    'a changed last character passes',
    'mesh/ticket',
    'mesh/ticket.ts',
    'return textOf(body) === text ? body : null',
    'return text === null ? null : body',
  ],
  [
    'a use too many',
    'mesh/ticket-book',
    'mesh/ticket-book.ts',
    'entry.admitted.length >= entry.uses',
    'entry.admitted.length > entry.uses',
  ],
  [
    'yes before it is durable',
    'mesh/ticket-book',
    'mesh/ticket-book.ts',
    'await this.#write(grant.ticketId, { ...entry, admitted',
    'void this.#write(grant.ticketId, { ...entry, admitted',
  ],
  [
    'yes again before it is durable',
    'mesh/ticket-book',
    'mesh/ticket-book.ts',
    'await this.#write(grant.ticketId, entry)\n      return',
    'return',
  ],
  [
    'asking again counts again',
    'mesh/join',
    'mesh/ticket-book.ts',
    'if (entry.admitted.includes(peer)) {',
    'if (peer === null) {',
  ],
  [
    'what is counted is read without what is on its way to the disk',
    'mesh/ticket-book',
    'mesh/ticket-book.ts',
    'this.#database.latest(PREFIX + ticketId)',
    'this.#database.get(PREFIX + ticketId)',
  ],
  [
    'revoked tickets work at the issuer',
    'mesh/ticket-book',
    'mesh/ticket-book.ts',
    'if (entry.revoked) throw',
    'if (entry === null) throw',
  ],
  [
    'revocations stay where they were made',
    'mesh/join',
    'mesh/admit.ts',
    'if (grant.uses === 0) {\n      const told',
    'if (grant === null) {\n      const told',
  ],
  [
    'tickets pile up',
    'mesh/ticket-book',
    'mesh/ticket-book.ts',
    'if (kept < ENTRIES_MAX) return',
    'if (ENTRIES_MAX > 0) return',
  ],
  [
    'the secret is not asked for',
    'mesh/join',
    'mesh/admit.ts',
    '    checkSecret(grant, secret)\n',
    '',
  ],
  [
    'grants may be forged',
    'mesh/join',
    'mesh/admit.ts',
    'checkGrant(signed, key.publicKey, clock.wallMs())',
    'void clock',
  ],
  [
    'tickets do not expire',
    'mesh/join',
    'mesh/grant.ts',
    'if (grant.expiresMs < wallMs) throw expired()',
    'if (wallMs < -1) throw expired()',
  ],
  [
    'an edge becomes a member',
    'mesh/join',
    'mesh/admit.ts',
    'if (grant.role !== role) throw',
    'if (grant === null) throw',
  ],
  [
    'the issuer is not asked',
    'mesh/join',
    'mesh/admit.ts',
    'else await this.#redeemAtIssuer(signed, peer)',
    'else void this.#redeemAtIssuer(signed, peer).catch(() => undefined)',
  ],
  [
    'the removed come back with a new ticket',
    'mesh/join',
    'mesh/admit.ts',
    'const code = gate(',
    'const code = null ?? (() => null)(',
  ],
  [
    'the joiner trusts whoever answers',
    'mesh/join',
    'mesh/join.ts',
    'const shown = checkCertificate(proof.certificate, { clusterId, peer: link.peer, wallMs })',
    "const shown = { role: 'member', clusterId, wallMs }",
  ],
  [
    'joiners without end',
    'mesh/join',
    'mesh/admit.ts',
    'this.#dialogues.size >= DIALOGUES_MAX',
    'DIALOGUES_MAX < 0',
  ],

  // Requests and answers.
  [
    'in doubt is called not applied',
    'mesh/channel',
    'mesh/call.ts',
    "const outcome = this.link === null ? 'not-applied' : 'unknown'",
    "const outcome = 'not-applied'",
  ],
  [
    'never sent is called unknown',
    'mesh/channel',
    'mesh/call.ts',
    "const outcome = this.link === null ? 'not-applied' : 'unknown'",
    "const outcome = 'unknown'",
  ],
  [
    'ids are used again',
    'mesh/channel',
    'mesh/mesh-node.ts',
    'nextId: () => ++this.#lastId',
    'nextId: () => (this.#lastId = (this.#lastId + 1) % 2)',
  ],
  [
    'an answer for another run of the asker',
    'mesh/evidence',
    'mesh/channel.ts',
    'if (link === null || !isSameRun(link.remote, to)) return',
    'if (link === null || isSameRun === null) return',
  ],
  [
    'a frame for each message',
    'mesh/channel',
    'mesh/turn.ts',
    'this.#waiting.push(channel)',
    'channel.flush()',
  ],
  [
    'parts of answers and requests are mixed',
    'mesh/lines',
    'mesh/outgoing.ts',
    'message.tag === MESSAGE.REQUEST ? 0 : PART.ANSWER',
    'message.tag === MESSAGE.REQUEST ? 0 : 0',
  ],
  [
    'a large message goes on where it was on another link',
    'mesh/lines',
    'mesh/outbox.ts',
    'parts.writer.restart()',
    'void 0',
  ],
  [
    'large before small',
    'mesh/channel',
    'mesh/outbox.ts',
    'this.#flushSmall(link)\n      if (link.writable) this.#flushPart(link)',
    'while (link.writable && this.#large.length + (this.#parts ? 1 : 0) > 0) this.#flushPart(link)\n      if (link.writable) this.#flushSmall(link)',
  ],
  [
    'back-pressure is ignored',
    'mesh/bounds',
    'mesh/mesh-link.ts',
    'return this.usable && this.#writable',
    'return this.usable',
  ],
  [
    'requests in flight are not bounded',
    'mesh/bounds',
    'mesh/channel.ts',
    'this.#calls.size >= IN_FLIGHT_MAX',
    'IN_FLIGHT_MAX < 0',
  ],
  [
    'bytes that wait are not bounded',
    'mesh/bounds',
    'mesh/channel.ts',
    'this.#requests.bytes + body.length > QUEUED_BYTES_MAX',
    'QUEUED_BYTES_MAX < 0',
  ],
  [
    'what is served at once is not bounded',
    'mesh/bounds',
    'mesh/server.ts',
    'load.requests < SERVING_MAX',
    'SERVING_MAX > 0',
  ],
  [
    'bytes that are served at once are not bounded',
    'mesh/bounds',
    'mesh/server.ts',
    'load.bytes + body.length <= SERVING_BYTES_MAX',
    'SERVING_BYTES_MAX > 0',
  ],
  [
    'answers that nobody reads are not bounded',
    'mesh/bounds',
    'mesh/channel.ts',
    'this.#answers.bytes + answer.body.length > ANSWER_BYTES_MAX',
    'ANSWER_BYTES_MAX < 0',
  ],
  [
    'peers are not bounded',
    'mesh/bounds',
    'mesh/mesh-node.ts',
    'if (this.#peers.size >= PEERS_MAX) return null',
    '',
  ],
  [
    'a cancelled request is sent all the same',
    'mesh/channel',
    'mesh/outbox.ts',
    'if (message.settled) this.#settled--\n      else if',
    'if',
  ],
  [
    'handlers are cut off by stop',
    'mesh/channel',
    'mesh/mesh-node.ts',
    'await Promise.race([this.#server.stop(), wait])',
    'void this.#server.stop()',
  ],
  ['no goodbye', 'mesh/channel', 'mesh/peer.ts', 'link.retire(FIN.STOPPING)', 'link.drop()'],
  [
    'deadlines that have stopped set a timer',
    'mesh/deadlines',
    'mesh/deadlines.ts',
    '    if (this.#isStopped) return\n',
    '',
  ],
  [
    'time-outs a tick early',
    'mesh/deadlines',
    'mesh/deadlines.ts',
    'Math.ceil((nowMs + delayMs) / TICK_MS)',
    'Math.floor((nowMs + delayMs) / TICK_MS)',
  ],
  [
    'time-outs before the sockets are read',
    'mesh/deadlines',
    'mesh/deadlines.ts',
    'this.#timer = this.#clock.soon(this.#sweep)',
    'this.#sweep()',
  ],

  // Links, lines and evidence.
  ['two links for ever', 'mesh/lines', 'mesh/line.ts', 'own.retire(FIN.SUPERSEDED)', 'void own'],
  [
    'a link is dropped, not retired',
    'mesh/lines',
    'mesh/line.ts',
    'own.retire(FIN.SUPERSEDED)',
    'own.drop()',
  ],
  [
    'retired before its successor is there',
    'mesh/lines',
    'mesh/line.ts',
    'if (this.#current === null && this.dialling) return\n',
    '',
  ],
  ['an earlier run may return', 'mesh/evidence', 'mesh/lineage.ts', 'boot < last.boot', 'boot < 0'],
  [
    'a later run goes unnoticed',
    'mesh/evidence',
    'mesh/evidence.ts',
    'return known.storageId !== remote.storageId || known.boot !== remote.boot',
    'return known.storageId !== remote.storageId',
  ],
  [
    'every link that breaks is news',
    'mesh/evidence',
    'mesh/evidence.ts',
    'if (!broken || this.#lost) return',
    'if (!broken) return',
  ],
  [
    'one refusal is told again and again',
    'mesh/evidence',
    'mesh/evidence.ts',
    'if (!this.inDoubt) return',
    'if (!this.#lost) return',
  ],
  [
    'any failed dial is called refused',
    'mesh/evidence',
    'mesh/peer.ts',
    "if (kind === 'refused') this.#watch.refused()",
    'if (kind !== null) this.#watch.refused()',
  ],
  [
    'dials without a pause',
    'mesh/lines',
    'mesh/back-off.ts',
    'this.#notBeforeMs = nowMs + fullMs * (0.5 + this.#random.float() / 2)',
    'this.#notBeforeMs = nowMs + fullMs * 0',
    /ever more seldom/,
  ],
  [
    'it gives a peer up',
    'mesh/lines',
    'mesh/peer.ts',
    'this.#wanted.add(line)',
    'if (this.#backOff.failures < 9) this.#wanted.add(line)',
    /ever more seldom/,
  ],
  [
    'nobody is asked where a peer is',
    'mesh/lines',
    'mesh/peer.ts',
    'if (silent && this.#backOff.failures >= SEARCH_AFTER) {',
    'if (silent && this.#backOff.failures < 0) {',
    /through others/,
  ],
  [
    'every peer that ever called is remembered',
    'mesh/lines',
    'mesh/mesh-node.ts',
    'if (peer.idle) this.#peers.delete(id)',
    'if (peer === null) this.#peers.delete(id)',
    /not for every peer/,
  ],
  [
    'probes are dropped before rumours',
    'mesh/gossip',
    'mesh/gossip.ts',
    'this.#rumours.shift() ?? this.#probes.shift()',
    'this.#probes.shift() ?? this.#rumours.shift()',
  ],
  [
    'gossip is kept for a peer that is gone',
    'mesh/gossip',
    'mesh/gossip.ts',
    'onUnreachable(): void {\n    this.clear()',
    'onUnreachable(): void {\n    void 0',
  ],
  [
    'gossip is bounded by number alone',
    'mesh/gossip',
    'mesh/gossip.ts',
    'count > DATAGRAMS_MAX || this.#bytes > DATAGRAM_QUEUE_BYTES_MAX',
    'count > DATAGRAMS_MAX',
  ],

  // Bytes.
  [
    'lengths are not checked against their limits',
    'wire/codec',
    'wire/codec.ts',
    'if (length > maxBytes) throw',
    'if (length < 0) throw',
  ],
  [
    'lengths are not checked against what is there',
    'wire/codec',
    'wire/codec.ts',
    'if (length > this.#in.length - this.#at) throw cutShort()',
    '',
  ],
  [
    'text need not be UTF-8',
    'wire/codec',
    'wire/codec.ts',
    "if (text.includes('\\uFFFD') &&",
    "if (text.includes('\\uFFFE') &&",
  ],
]

describeMutants(
  'mutants of mesh and wire',
  MUTANTS.map(([name, suite, file, from, to, tests]) => {
    const rest = tests === undefined ? {} : { tests }
    return { name, suites: [`${suite}.test`], file, from, to, ...rest }
  }),
)
