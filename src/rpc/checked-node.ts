/**
 * A node whose calls are checked before they reach it, by the table of methods: the same arguments
 * are refused with the same error embedded and over the socket. What is refused has done nothing.
 */
import * as v from 'valibot'
import { AtollError } from '../base/errors.ts'
import type {
  CallOptions,
  DebugApi,
  Diagnosis,
  Explanation,
  KvApi,
  KvSetApi,
  MemberApi,
  MetricFamily,
  NodeApi,
  RegApi,
  Status,
  TicketApi,
  TopologyApi,
  Value,
} from '../node/api.ts'
import { VALUE_BYTES_MAX as REGISTER_BYTES_MAX } from '../paxos/limits.ts'
import { type MethodName, METHODS, type WatchName } from './methods.ts'
import { describeIssues, hintOf } from './validation.ts'
import { checkKeyBytes, checkShown, checkValue } from './value-check.ts'

export class CheckedNode implements NodeApi {
  readonly kv: KvApi
  readonly reg: RegApi
  readonly member: MemberApi
  readonly ticket: TicketApi
  readonly topology: TopologyApi
  readonly debug: DebugApi
  readonly #inner: NodeApi

  constructor(inner: NodeApi) {
    this.#inner = inner
    this.kv = checkedKv(inner.kv)
    this.reg = checkedReg(inner.reg)
    this.member = checkedMember(inner.member)
    this.ticket = {
      create: async (options) => {
        check('ticket.create', {}, options)
        return await inner.ticket.create(options)
      },
      revoke: async (ticket, options) => {
        check('ticket.revoke', { ticket }, options)
        return await inner.ticket.revoke(ticket, options)
      },
    }
    this.topology = {
      show: async (options) => {
        check('topology.show', {}, options)
        return await inner.topology.show(options)
      },
      plan: async (options) => {
        check('topology.plan', {}, options)
        return await inner.topology.plan(options)
      },
      move: async (partition, options) => {
        check('topology.move', { partition }, options)
        return await inner.topology.move(partition, options)
      },
    }
    this.debug = {
      log: async (levels, options) => {
        check('debug.log', levels === undefined ? {} : { levels }, options)
        return await inner.debug.log(levels, options)
      },
      timeline: async (options) => {
        check('debug.timeline', {}, options)
        return await inner.debug.timeline(options)
      },
    }
  }

  async status(options?: CallOptions): Promise<Status> {
    check('status', {}, options)
    return await this.#inner.status(options)
  }

  async doctor(options?: CallOptions): Promise<Diagnosis> {
    check('doctor', {}, options)
    return await this.#inner.doctor(options)
  }

  async explain(key: string, options?: CallOptions): Promise<Explanation> {
    check('explain', { key }, options)
    return await this.#inner.explain(key, options)
  }

  async metrics(options?: CallOptions): Promise<readonly MetricFamily[]> {
    check('metrics', {}, options)
    return await this.#inner.metrics(options)
  }

  async init(options?: CallOptions): Promise<{ readonly clusterId: string }> {
    check('init', {}, options)
    return await this.#inner.init(options)
  }

  async join(ticket: string, options?: CallOptions): Promise<{ readonly clusterId: string }> {
    check('join', { ticket }, options)
    return await this.#inner.join(ticket, options)
  }

  async leave(options?: CallOptions): Promise<void> {
    check('leave', {}, options)
    await this.#inner.leave(options)
  }
}

function checkedKv(inner: KvApi): KvApi {
  return {
    put: async (key, value, options) => {
      check('kv.put', { key, value }, options)
      checkShown(value, options?.type)
      return await inner.put(key, value, options)
    },
    get: async (key, options) => {
      check('kv.get', { key }, options)
      return await inner.get(key, options)
    },
    del: async (key, options) => {
      check('kv.del', { key }, options)
      return await inner.del(key, options)
    },
    ls: async (prefix, options) => {
      check('kv.ls', { prefix }, options)
      return await inner.ls(prefix, options)
    },
    watch: (prefix, options) =>
      checkedWatch('kv.watch', { prefix }, options, () => inner.watch(prefix, options)),
    siblings: async (key, options) => {
      check('kv.get', { key, siblings: true }, options)
      return await inner.siblings(key, options)
    },
    counter: {
      add: async (key, delta, options) => {
        check('kv.counter.add', { key, ...(delta !== undefined && { delta }) }, options)
        return await inner.counter.add(key, delta, options)
      },
      get: async (key, options) => {
        check('kv.counter.get', { key }, options)
        return await inner.counter.get(key, options)
      },
    },
    set: checkedSet(inner.set),
  }
}

function checkedSet(inner: KvSetApi): KvSetApi {
  return {
    add: async (key, elements, options) => {
      check('kv.set.add', { key, elements }, options)
      checkShown(elements, 'set')
      return await inner.add(key, elements, options)
    },
    rm: async (key, elements, options) => {
      check('kv.set.rm', { key, elements }, options)
      checkShown(elements, 'set')
      return await inner.rm(key, elements, options)
    },
    ls: async (key, options) => {
      check('kv.set.ls', { key }, options)
      return await inner.ls(key, options)
    },
  }
}

function checkedReg(inner: RegApi): RegApi {
  return {
    get: async (key, options) => {
      check('reg.get', { key }, options)
      return await inner.get(key, options)
    },
    set: async (key, value, options) => {
      check('reg.set', { key, value }, options)
      checkValue(value, REGISTER_BYTES_MAX)
      return await inner.set(key, value, options)
    },
    cas: async (key, value, options) => {
      check('reg.cas', { key, value }, options)
      checkValue(value, REGISTER_BYTES_MAX)
      return await inner.cas(key, value, options)
    },
    del: async (key, options) => {
      check('reg.del', { key }, options)
      return await inner.del(key, options)
    },
    incr: async (key, by, options) => {
      check('reg.incr', { key, ...(by !== undefined && { by }) }, options)
      return await inner.incr(key, by, options)
    },
    update: async (key, change, options) => {
      // It begins with one.
      check('reg.get', { key }, options)
      if (typeof change !== 'function') {
        throw new AtollError('USAGE', 'reg.update: "change" must be a function')
      }
      const checked = async (before: Value | null): Promise<Value | undefined> => {
        const after = await change(before)
        if (after !== undefined) checkValue(after, REGISTER_BYTES_MAX)
        return after
      }
      return await inner.update(key, checked, options)
    },
    ls: async (prefix, options) => {
      check('reg.ls', { prefix }, options)
      return await inner.ls(prefix, options)
    },
    watch: (key, options) =>
      checkedWatch('reg.watch', { key }, options, () => inner.watch(key, options)),
  }
}

function checkedMember(inner: MemberApi): MemberApi {
  return {
    ls: async (options) => {
      check('member.ls', {}, options)
      return await inner.ls(options)
    },
    show: async (member, options) => {
      check('member.show', { member }, options)
      return await inner.show(member, options)
    },
    tag: async (tags, options) => {
      check('member.tag', { tags }, options)
      return await inner.tag(tags, options)
    },
    remove: async (member, options) => {
      check('member.remove', { member }, options)
      return await inner.remove(member, options)
    },
    watch: (options) => checkedWatch('member.watch', {}, options, () => inner.watch(options)),
  }
}

async function* checkedWatch<Event>(
  name: WatchName,
  args: object,
  options: CallOptions | undefined,
  begin: () => AsyncIterable<Event>,
): AsyncGenerator<Event, void, undefined> {
  // A watch has no end that a deadline could be measured to.
  const { deadlineMs: _deadlineMs, ...rest } = optionsOf(name, options)
  check(name, args, rest)
  yield* begin()
}

/** Parameters that are keys or beginnings of keys. */
const KEYS = ['key', 'prefix', 'after']

function check(name: MethodName, args: object, options: CallOptions | undefined): void {
  const { signal, ...named } = optionsOf(name, options)
  if (signal !== undefined && !isSignal(signal)) {
    throw new AtollError('USAGE', `${name}: "signal" must be an AbortSignal`)
  }
  const twice = Object.keys(args).find((arg) => Object.hasOwn(named, arg))
  if (twice !== undefined) throw new AtollError('USAGE', `${name}: "${twice}" is no option of it`)
  const params: Readonly<Record<string, unknown>> = { ...named, ...args }
  // `after` of a watch is where it goes on, and no key.
  const isWatch = METHODS[name].kind === 'watch'
  for (const key of KEYS) if (key !== 'after' || !isWatch) checkKeyBytes(params[key])
  const parsed = v.safeParse(METHODS[name].params, params)
  if (parsed.success) return
  const hint = hintOf(name, parsed.issues)
  throw new AtollError('USAGE', `${name}: ${describeIssues(parsed.issues)}`, {
    ...(hint !== undefined && { hint }),
  })
}

/** Those that are given; one that is undefined is not. */
function optionsOf(name: MethodName, options: unknown): Readonly<Record<string, unknown>> {
  if (options === undefined) return {}
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) {
    return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  }
  throw new AtollError('USAGE', `${name}: the options must be an object`)
}

/** By its shape: a host may have an AbortSignal of its own. */
function isSignal(signal: unknown): boolean {
  if (typeof signal !== 'object' || signal === null) return false
  const { aborted, addEventListener } = signal as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}
