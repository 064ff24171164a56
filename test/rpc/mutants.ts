/**
 * `node test/rpc/mutants.ts [NAME]`: breaks one rule of the socket at a time, as its source is
 * loaded, and runs the tests of rpc and daemon against it in a process of its own. A mutant that
 * survives is a hole in the tests; the exit status is 1.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const LOADER = new URL('../sim/mutant-loader.ts', import.meta.url).href
const MOCHA = resolve(ROOT, 'node_modules/mocha/bin/mocha.js')
const TESTS = ['test/rpc/*.test.ts', 'test/daemon/daemon.test.ts']

interface Mutant {
  readonly name: string
  readonly file: string
  readonly from: string
  readonly to: string
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'a line may be of any length',
    file: 'rpc/line-splitter.ts',
    from: 'if (needed > this.#lineBytesMax) return false',
    to: '',
  },
  {
    name: 'a line that ends may be one read too long',
    file: 'rpc/line-splitter.ts',
    from: 'if (this.#used + first > this.#lineBytesMax) return null',
    to: '',
  },
  {
    name: 'depth is not counted',
    file: 'base/json-scan.ts',
    from: "if (++depth > depthMax) return 'depth'",
    to: '',
  },
  {
    name: 'an escaped quote ends a string',
    file: 'base/json-scan.ts',
    from: 'if (backslashes % 2 === 0) return close',
    to: 'return close',
  },
  {
    name: 'commas are no elements',
    file: 'base/json-scan.ts',
    from: 'case COMMA:\n        if (++elements > elementsMax)',
    to: 'case COMMA:\n        if (elements > elementsMax)',
  },
  {
    name: 'batches of any size',
    file: 'rpc/session.ts',
    from: 'messages.length > batchMax',
    to: 'false',
  },
  {
    name: 'any number of calls under way',
    file: 'rpc/connection.ts',
    from: 'this.#session.inFlight >= this.#limits.inFlightMax || ',
    to: '',
  },
  {
    name: 'replies of this turn do not count as unread',
    file: 'rpc/connection.ts',
    from: 'this.queuedBytes >',
    to: 'this.#socket.writableLength >',
  },
  {
    name: 'a client that never reads is kept',
    file: 'rpc/connection.ts',
    from: 'if (this.#socket.writableLength > this.#limits.writeBytesMax)',
    to: 'if (this.#socket.writableLength < 0)',
  },
  {
    name: 'any number of connections',
    file: 'rpc/server.ts',
    from: ' || this.#connections.size >= this.#limits.connectionsMax',
    to: '',
  },
  {
    name: 'any number of subscriptions',
    file: 'rpc/session.ts',
    from: 'this.#subscriptions.size >= subscriptionsMax',
    to: 'false',
  },
  {
    name: 'events are dropped without a word',
    file: 'rpc/subscription.ts',
    from: 'this.#missed += this.#events.length',
    to: '',
  },
  {
    name: 'events are kept without bound',
    file: 'rpc/subscription.ts',
    from: 'if (this.#events.length >= this.#eventsMax) {',
    to: 'if (this.#events.length < 0) {',
  },
  {
    name: 'a closed connection cancels nothing',
    file: 'rpc/connection.ts',
    from: 'this.#session.cancelAll()',
    to: '',
  },
  {
    name: 'a client that ended its side gets no answer',
    file: 'rpc/connection.ts',
    from: "if (!this.#session.idle) this.#socket.write(' ')",
    to: 'this.#session.cancelAll()',
  },
  {
    name: 'a gone client is not told from a silent one',
    file: 'rpc/connection.ts',
    from: "if (!this.#session.idle) this.#socket.write(' ')",
    to: '',
  },
  {
    name: 'ids may be used twice',
    file: 'rpc/session.ts',
    from: 'if (named && this.#byId.has(id))',
    to: 'if (false)',
  },
  {
    name: 'a late call is not answered by the server',
    file: 'rpc/call.ts',
    from: 'if (this.#end()) this.#reply.error(error)\n    this.#abort',
    to: 'this.#abort',
  },
  {
    name: 'a lost put counts as not applied',
    file: 'rpc/pending-call.ts',
    from: "this.#method.changes && this.sent ? 'unknown' : 'not-applied'",
    to: "'not-applied'",
  },
  {
    name: 'a lost get counts as unknown',
    file: 'rpc/pending-call.ts',
    from: "this.#method.changes && this.sent ? 'unknown' : 'not-applied'",
    to: "'unknown'",
  },
  {
    name: 'results are not checked',
    file: 'rpc/pending-call.ts',
    from: 'if (parsed.success) return this.#settle(() => this.#resolve(parsed.output))',
    to: 'return this.#settle(() => this.#resolve(result))',
  },
  {
    name: 'tricky objects are not wrapped',
    file: 'rpc/values.ts',
    from: 'return soleKey(value) === null ? value : { json: value }',
    to: 'return value',
  },
  {
    name: 'base64 that is none is taken',
    file: 'rpc/values.ts',
    from: "if (bytes.toString('base64') === text) return",
    to: 'return',
  },
  {
    name: 'a request of any length is sent',
    file: 'rpc/request-line.ts',
    from: 'if (bytes > lineBytesMax)',
    to: 'if (false)',
  },
  {
    name: 'a request of any depth is sent',
    file: 'rpc/request-line.ts',
    from: 'if (excess === null) return text',
    to: 'if (excess !== undefined) return text',
  },
  {
    name: 'an error without an id ends the connection',
    file: 'rpc/client.ts',
    from: 'this.#told = errorOfObject(error)',
    to: 'this.#fail(errorOfObject(error))',
  },
  {
    name: 'a call is registered before it is sure that it can be sent',
    file: 'rpc/client.ts',
    from: 'const line = requestLine(',
    to: 'this.#pending.set(id, new PendingCall(method, options, "", () => {})); const line = requestLine(',
  },
  {
    name: 'numbers that JSON lacks are taken',
    file: 'base/json-value.ts',
    from: 'if (Number.isFinite(value)) return',
    to: 'return',
  },
  {
    name: 'objects of any class are taken',
    file: 'base/json-value.ts',
    from: 'if (!isPlain(value))',
    to: 'if (false)',
  },
  {
    name: 'a value may hold itself',
    file: 'base/json-value.ts',
    from: 'if (this.#around.includes(value))',
    to: 'if (false)',
  },
  {
    name: 'a value may have any depth',
    file: 'base/json-value.ts',
    from: 'this.#around.push(value) > VALUE_DEPTH_MAX',
    to: 'this.#around.push(value) > 1000',
  },
  {
    name: 'an option may stand for an argument',
    file: 'rpc/checked-node.ts',
    from: 'if (twice !== undefined)',
    to: 'if (false)',
  },
  {
    name: 'long text goes escaped',
    file: 'rpc/values.ts',
    from: '<= TEXT_JSON_BYTES_MAX) return value\n  return',
    to: '>= 0) return value\n  return',
  },
  {
    name: 'the time that is told has the grace in it',
    file: 'rpc/pending-call.ts',
    from: 'this.#onDeadline(deadlineMs ?? patienceMs)',
    to: 'this.#onDeadline(patienceMs)',
  },
  {
    name: 'the socket has the mode of the process',
    file: 'rpc/unix-socket.ts',
    from: 'process.umask(0o177)',
    to: 'process.umask(0o022)',
  },
  {
    name: 'the mask stays changed',
    file: 'rpc/unix-socket.ts',
    from: 'process.umask(mask)',
    to: 'void mask',
  },
  {
    name: 'a live socket is replaced',
    file: 'rpc/unix-socket.ts',
    from: 'if (await answers(path)) throw inUse(path)',
    to: '',
  },
  {
    name: 'a file in the way is replaced',
    file: 'rpc/unix-socket.ts',
    from: 'if (stat.isSocket()) return',
    to: 'return',
  },
  {
    name: 'register: a lost condition keeps its version to itself',
    file: 'rpc/error-object.ts',
    from: '...(error.version === undefined ? {} : { version: error.version }),',
    to: '',
  },
  {
    name: 'register: the client loses the version of a lost condition',
    file: 'rpc/error-object.ts',
    from: '...(data?.version === undefined ? {} : { version: data.version }),',
    to: '',
  },
  {
    name: 'register: the daemon takes values of any size',
    file: 'rpc/methods/reg.ts',
    from: 'checkValue(stored, VALUE_BYTES_MAX)',
    to: '',
  },
  {
    name: 'register: the interface takes values as large as the store does',
    file: 'rpc/checked-node.ts',
    from: "check('reg.set', { key, value }, options)\n      checkValue(value, REGISTER_BYTES_MAX)",
    to: "check('reg.set', { key, value }, options)\n      checkValue(value, VALUE_BYTES_MAX)",
  },
  {
    name: 'register: what update makes is not checked',
    file: 'rpc/checked-node.ts',
    from: 'if (after !== undefined) checkValue(after, REGISTER_BYTES_MAX)',
    to: '',
  },
  {
    name: 'register: a condition gets lost on the way to the node',
    file: 'rpc/methods/reg.ts',
    from: '...(at !== undefined && { ifVersion: at }),',
    to: '',
  },
  {
    name: 'register: cas is a set',
    file: 'rpc/methods/reg.ts',
    from: 'node.reg.cas(params.key',
    to: 'node.reg.set(params.key',
  },
  {
    name: 'register: incr always adds one',
    file: 'rpc/methods/reg.ts',
    from: 'node.reg.incr(params.key, params.by, {',
    to: 'node.reg.incr(params.key, 1, {',
  },
  {
    name: 'register: a watch begins anew whatever was seen',
    file: 'rpc/methods/reg.ts',
    from: '...(after !== undefined && { after }), ...(signal && { signal })',
    to: '...(signal && { signal })',
  },
  {
    name: 'register: a watch tells values as they are',
    file: 'rpc/methods/reg.ts',
    from: 'value: valueToJson(event.value) }',
    to: 'value: event.value as JsonValue }',
  },
  {
    name: 'register: what a slow reader has not taken piles up at the daemon',
    file: 'rpc/subscription.ts',
    from: "if (keeps === 'last' || (",
    to: 'if ((',
  },
  {
    name: 'register: what a slow reader has not taken piles up at the client',
    file: 'rpc/event-queue.ts',
    from: "if (this.#keeps === 'last') {",
    to: "if (this.#keeps === 'last' && events.length < 0) {",
  },
  {
    name: 'register: a watch that was cancelled while it waits for its reader goes on',
    file: 'rpc/subscription.ts',
    from: '    this.#told.resolve()\n    this.#over',
    to: '    this.#over',
  },
  {
    name: 'a watch that cannot begin ends the daemon',
    file: 'rpc/server.ts',
    from: '=> this.#watch(method, params, callOptions),',
    to: '=> this.#run(method)(this.#options.target, params, callOptions) as AsyncIterable<unknown>,',
  },
  {
    name: 'kv watch: more is taken than there is room for',
    file: 'rpc/subscription.ts',
    from: "(keeps === 'some' && isFull)",
    to: "(keeps === 'some' && isFull && this.#missed < 0)",
  },
  {
    name: 'kv watch: a line of any length',
    file: 'rpc/subscription.ts',
    from: 'line.length > NOTICE_CHARACTERS_MAX && events.length > 1',
    to: 'line.length < 0',
  },
  {
    name: 'kv watch: a client that falls behind is told of no gap',
    file: 'rpc/event-queue.ts',
    from: 'this.#events = [this.#missed(events.at(-1) as never)]',
    to: 'this.#events = []',
  },
  {
    name: 'kv watch: a cursor is held to the length of a key',
    file: 'rpc/checked-node.ts',
    from: "if (key !== 'after' || !isWatch) checkKeyBytes",
    to: "if (key !== '' || !isWatch) checkKeyBytes",
  },
  {
    name: 'register: update overwrites what it did not see',
    file: 'paxos/update.ts',
    from: '{ ...timed(), ...condition }',
    to: '{ ...timed() }',
  },
  {
    name: 'register: update gives up when somebody was faster',
    file: 'paxos/update.ts',
    from: "if (!isAtollError(error, 'CONFLICT')) throw error",
    to: 'throw error',
  },
  {
    name: 'register: update has the whole time at each step',
    file: 'paxos/update.ts',
    from: 'deadlineMs: Math.ceil(leftMs)',
    to: 'deadlineMs: wholeMs',
  },
  {
    name: 'register: update goes on without end',
    file: 'paxos/update.ts',
    from: 'if (leftMs > 0) return',
    to: 'if (leftMs < wholeMs * 100) return',
  },
  {
    name: 'a claimed node is claimed again',
    file: 'daemon/daemon.ts',
    from: "claim !== null && before.state === 'unclaimed'",
    to: 'claim !== null',
  },
  {
    name: 'a ticket of another cluster is not told',
    file: 'daemon/daemon.ts',
    from: 'if (ticketClusterId === clusterId) return',
    to: 'if (clusterId !== ticketClusterId) return',
  },
  {
    name: 'the store is silent about conditions that registers have',
    file: 'rpc/validation.ts',
    from: "expected === 'never' && CONDITIONS.includes(path?.[0].key)",
    to: 'false',
  },
  {
    name: 'every wrong parameter of the store is taken for a condition',
    file: 'rpc/validation.ts',
    from: "expected === 'never' && CONDITIONS.includes(path?.[0].key)",
    to: "expected === 'never' || path === undefined",
  },
  {
    name: 'clients are served before the claim',
    file: 'daemon/daemon.ts',
    from: 'await this.#node.start()',
    to: 'this.#serve(this.#node); await this.#node.start()',
  },
]

/** The first test that failed; null when all passed. */
async function hunt({ file, from, to }: Mutant): Promise<string | null> {
  const tests = globSync(TESTS, { cwd: ROOT })
  const args = ['--import', LOADER, MOCHA, '--no-config', '--bail', '--exit', '--timeout', '6000']
  const child = spawn(process.execPath, [...args, ...tests], {
    cwd: ROOT,
    env: { ...process.env, ATOLL_MUTANT: JSON.stringify({ file, from, to }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      output = (output + text).slice(-20_000)
    })
  }
  const status = await new Promise<number | null>((done) => {
    child.on('close', done)
  })
  if (status === 0) return null
  const failed = / {2}1\) (.+)\n\s+(.+)\n/.exec(output.slice(output.indexOf('failing')))
  if (failed === null) throw new Error(`the mutant did not run:\n${output}`)
  return `${failed[1]} ${failed[2]}`
}

const [, , only] = process.argv
let survivors = 0
for (const mutant of MUTANTS) {
  if (only !== undefined && !mutant.name.includes(only)) continue
  const killed = await hunt(mutant)
  if (killed === null) survivors++
  console.log(`${killed === null ? 'SURVIVED' : 'killed  '} ${mutant.name}: ${killed ?? ''}`)
}
process.exitCode = survivors === 0 ? 0 : 1
