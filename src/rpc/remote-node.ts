/** The interface of a node, over a connection: each call by its entry in the table of methods. */
import type {
  CallOptions,
  DebugApi,
  Diagnosis,
  Explanation,
  JsonValue,
  KvApi,
  KvEvent,
  KvCounterApi,
  KvMergeType,
  KvRead,
  KvSetApi,
  KvValue,
  MemberApi,
  MetricFamily,
  NodeApi,
  RegApi,
  RegEvent,
  Status,
  TicketApi,
  TopologyApi,
  Value,
} from '../node/api.ts'
import { updateRegister } from '../paxos/update.ts'
import { AtollError } from '../base/errors.ts'
import type { RpcClient } from './client.ts'
import { type CallName, METHODS, type ParamsOf, type ResultOf, type WatchName } from './methods.ts'
import { shownFromJson, shownToRequest, valueFromJson, valueToRequest } from './values.ts'

export class RemoteNode implements NodeApi {
  readonly kv: KvApi
  readonly reg: RegApi
  readonly member: MemberApi
  readonly ticket: TicketApi
  readonly topology: TopologyApi
  readonly debug: DebugApi
  readonly #client: RpcClient

  constructor(client: RpcClient) {
    this.#client = client
    this.kv = this.#kv()
    this.reg = this.#reg()
    this.member = this.#member()
    this.ticket = {
      create: (options = {}) => this.#call('ticket.create', without(options), options),
      revoke: (ticket, options) => this.#call('ticket.revoke', { ticket }, options),
    }
    this.topology = {
      show: (options) => this.#call('topology.show', {}, options),
      plan: (options) => this.#call('topology.plan', {}, options),
      move: (partition, options) =>
        this.#call('topology.move', { partition, ...without(options) }, options),
    }
    this.debug = {
      log: (levels, options = {}) => {
        const params = { ...(levels !== undefined && { levels }), ...without(options) }
        return this.#call('debug.log', params, options)
      },
      timeline: (options = {}) => this.#call('debug.timeline', without(options), options),
    }
  }

  status(options?: CallOptions): Promise<Status> {
    return this.#call('status', {}, options)
  }

  doctor(options?: CallOptions): Promise<Diagnosis> {
    return this.#call('doctor', {}, options)
  }

  explain(key: string, options?: CallOptions): Promise<Explanation> {
    return this.#call('explain', { key }, options)
  }

  metrics(options?: CallOptions): Promise<readonly MetricFamily[]> {
    return this.#call('metrics', {}, options)
  }

  init(options?: CallOptions): Promise<{ readonly clusterId: string }> {
    return this.#call('init', {}, options)
  }

  join(ticket: string, options?: CallOptions): Promise<{ readonly clusterId: string }> {
    return this.#call('join', { ticket }, options)
  }

  async leave(options?: CallOptions): Promise<void> {
    await this.#call('leave', {}, options)
  }

  #kv(): KvApi {
    return {
      put: async (key, value, options = {}) => {
        const json = shownToRequest(value, options.type)
        return this.#call('kv.put', { key, value: json, ...without(options) }, options)
      },
      get: async (key, options = {}) => {
        const read = await this.#call('kv.get', { key, ...without(options) }, options)
        return read === null || 'siblings' in read ? null : readFromJson(read)
      },
      siblings: async (key, options = {}) => {
        const params = { key, siblings: true, ...without(options) }
        const all = await this.#call('kv.get', params, options)
        // Asked for all, it gives all.
        if (all === null || !('siblings' in all)) throw new AtollError('INTERNAL', 'no siblings')
        return { ...all, siblings: all.siblings.map(foundFromJson) }
      },
      del: (key, options = {}) => this.#call('kv.del', { key, ...without(options) }, options),
      ls: async (prefix, options = {}) => {
        const page = await this.#call('kv.ls', { prefix, ...without(options) }, options)
        return { ...page, entries: page.entries.map(foundFromJson) }
      },
      watch: (prefix, options = {}) =>
        this.#watchKeys({ prefix, ...without(options) }, options.signal),
      counter: this.#counter(),
      set: this.#set(),
    }
  }

  async *#watchKeys(
    params: ParamsOf<'kv.watch'>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<KvEvent, void, undefined> {
    for await (const event of this.#watch('kv.watch', params, signal)) {
      if (!('value' in event)) {
        yield event
        continue
      }
      const others = event.others.map((one) => shownFromJson(one))
      yield { ...event, value: shownFromJson(event.value, event.type), others }
    }
  }

  #counter(): KvCounterApi {
    return {
      add: (key, delta = 1, options = {}) =>
        this.#call('kv.counter.add', { key, delta, ...without(options) }, options),
      get: async (key, options = {}) => {
        const count = await this.#call('kv.counter.get', { key, ...without(options) }, options)
        return count === null ? null : { ...readFromJson(count), value: count.value }
      },
    }
  }

  #set(): KvSetApi {
    return {
      add: async (key, elements, options = {}) => {
        const params = { key, elements: listToRequest(elements), ...without(options) }
        return this.#call('kv.set.add', params, options)
      },
      rm: async (key, elements, options = {}) => {
        const params = { key, elements: listToRequest(elements), ...without(options) }
        return this.#call('kv.set.rm', params, options)
      },
      ls: async (key, options = {}) => {
        const set = await this.#call('kv.set.ls', { key, ...without(options) }, options)
        return { ...readFromJson(set), value: set.value.map(valueFromJson) }
      },
    }
  }

  #reg(): RegApi {
    const reg: RegApi = {
      get: async (key, options) => {
        const read = await this.#call('reg.get', { key }, options)
        return read === null ? null : { ...read, value: valueFromJson(read.value) }
      },
      set: async (key, value, options = {}) =>
        this.#call('reg.set', { key, value: valueToRequest(value), ...without(options) }, options),
      cas: async (key, value, options) =>
        this.#call('reg.cas', { key, value: valueToRequest(value), ...without(options) }, options),
      del: (key, options = {}) => this.#call('reg.del', { key, ...without(options) }, options),
      incr: (key, by = 1, options = {}) =>
        this.#call('reg.incr', { key, by, ...without(options) }, options),
      update: (key, change, options) =>
        updateRegister(reg, () => performance.now(), key, change, options),
      ls: async (prefix, options = {}) => {
        const page = await this.#call('reg.ls', { prefix, ...without(options) }, options)
        const entries = page.entries.map((one) => ({ ...one, value: valueFromJson(one.value) }))
        return { entries, next: page.next }
      },
      watch: (key, options = {}) =>
        this.#watchRegister({ key, ...without(options) }, options.signal),
    }
    return reg
  }

  async *#watchRegister(
    params: ParamsOf<'reg.watch'>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<RegEvent, void, undefined> {
    for await (const event of this.#watch('reg.watch', params, signal)) {
      yield event.kind === 'absent' ? event : { ...event, value: valueFromJson(event.value) }
    }
  }

  #member(): MemberApi {
    return {
      ls: (options) => this.#call('member.ls', {}, options),
      show: (member, options) => this.#call('member.show', { member }, options),
      tag: (tags, options) => this.#call('member.tag', { tags: { ...tags } }, options),
      remove: (member, options) => this.#call('member.remove', { member }, options),
      watch: (options) => this.#watch('member.watch', {}, options?.signal),
    }
  }

  #watch<N extends WatchName>(
    name: N,
    params: ParamsOf<N>,
    signal: AbortSignal | undefined,
  ): AsyncIterable<ResultOf<N>> {
    // The client has checked each event by the method's own schema.
    return this.#client.watch(METHODS[name], params, signal) as AsyncIterable<ResultOf<N>>
  }

  #call<N extends CallName>(
    name: N,
    params: ParamsOf<N>,
    options: CallOptions | undefined,
  ): Promise<ResultOf<N>> {
    // The client has checked the result by the method's own schema.
    return this.#client.call(METHODS[name], params, options) as Promise<ResultOf<N>>
  }
}

/** The options that are parameters of the method. */
function without<O extends CallOptions>(options: O): Omit<O, keyof CallOptions> {
  const { signal: _signal, deadlineMs: _deadlineMs, ...rest } = options
  return rest
}

type ReadJson = Exclude<ResultOf<'kv.get'>, null | { readonly siblings: unknown }>

function foundFromJson<Found extends { readonly value: JsonValue; readonly type?: KvMergeType }>(
  found: Found,
): Omit<Found, 'value'> & { readonly value: KvValue } {
  return { ...found, value: shownFromJson(found.value, found.type) }
}

function readFromJson(read: ReadJson): KvRead {
  const others = read.others.map((one) => shownFromJson(one))
  return { ...read, value: shownFromJson(read.value, read.type), others }
}

/** What is no list is refused there. */
function listToRequest(elements: readonly Value[]): JsonValue[] {
  return shownToRequest(elements, 'set') as JsonValue[]
}
