/**
 * Cores joined by a virtual network: one heap of events, no timers, no sockets. The same seed
 * gives the same run. Every message passes through the codec.
 *
 * Machines can crash (their kernel resets connections and refuses new ones), vanish (silence),
 * pause (the process stands still, then finds its timers late and its messages waiting), be deaf and
 * dumb for a while (messages in and out wait, timers go on), restart, and be cut from each other one
 * way or both.
 */
import assert from 'node:assert/strict'
import { decodeFrame, decodePushPull, encodeFrame, encodePushPull } from '../../src/swim/codec.ts'
import type { Effect } from '../../src/swim/effects.ts'
import type { Member, MemberEvent, MemberFacts } from '../../src/swim/member.ts'
import type { RemotePeer } from '../../src/mesh/mesh.ts'
import type { SwimProfile } from '../../src/swim/parameters.ts'
import { LAN } from '../../src/swim/parameters.ts'
import { Swim } from '../../src/swim/swim.ts'
import { SimRandom } from '../sim/sim-random.ts'

const LOOK_EVERY_MS = 5
const PEER_ID_LENGTH = 52

export interface ClusterOptions {
  readonly seed: string
  readonly size: number
  readonly profile?: SwimProfile
  /** Part of messages that are lost. */
  readonly loss?: number
  readonly delayMs?: readonly [number, number]
  /** Another implementation of the core: mutants. */
  readonly core?: typeof Swim
  /** Everybody knows everybody from the start, instead of meeting through the first. */
  readonly acquainted?: boolean
  /** Names as long as real ones, where bytes are counted. */
  readonly realNames?: boolean
  /** Everybody holds everybody for alive from the start: nobody needs to meet. */
  readonly joined?: boolean
}

export interface Seen {
  readonly at: number
  /** Who noticed. */
  readonly by: string
  readonly kind: MemberEvent['kind']
  /** About whom. */
  readonly of: string
}

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class Machine {
  readonly name: string
  core: Swim
  remote: RemotePeer
  up = true
  /** False: nobody answers at all, not even a kernel. */
  hasKernel = true
  pausedUntil = 0
  blockedUntil = 0
  armedAt = Number.POSITIVE_INFINITY
  readonly links = new Set<string>()
  goodbye = false

  constructor(core: Swim, remote: RemotePeer) {
    this.name = remote.peer
    this.core = core
    this.remote = remote
  }
}

const STORAGE = 'abcdefghijklmnopqrstuvwxy'

export function factsOf(index: number, boot = 1, disk = 'a'): MemberFacts {
  return {
    name: `node-${index}`,
    zone: '',
    role: 'member',
    storageId: STORAGE + disk,
    boot,
    capacity: 1,
    addresses: [`/ip4/10.0.0.${index}/tcp/4001`],
    tags: {},
  }
}

export class Cluster {
  readonly #options: ClusterOptions
  readonly random: SimRandom
  readonly machines: Machine[] = []
  readonly seen: Seen[] = []
  /** Every message sent, by kind. */
  readonly sent = new Map<string, number>()
  /** Their bytes, and those of state exchanges (both halves, at the one who asked). */
  readonly bytes = new Map<string, number>()
  readonly #byName = new Map<string, Machine>()
  readonly #heap: Event[] = []
  readonly #cuts = new Set<string>()
  #order = 0
  now = 0
  loss: number
  onSend: ((from: string, effect: Effect & { kind: 'send' }) => void) | null = null

  constructor(options: ClusterOptions) {
    this.#options = options
    this.loss = options.loss ?? 0
    this.random = new SimRandom(options.seed)
    for (let i = 0; i < options.size; i++) this.#boot(i, factsOf(i))
    if (options.joined === true) this.#join()
    for (const machine of this.machines) {
      this.#perform(machine, machine.core.start(this.#contacts(), this.now))
    }
  }

  #contacts(): string[] {
    if (this.#options.joined === true) return []
    return this.#options.acquainted === true
      ? this.machines.map(({ name }) => name)
      : [this.at(0).name]
  }

  /** As after a state exchange with one who knew all. */
  #join(): void {
    const records = this.machines.map(({ core, name }, i) => {
      const { incarnation } = core.self()
      const facts = factsOf(i)
      const { storageId } = facts
      const standing = { state: 'alive', incarnation, version: incarnation } as const
      return { claim: { id: name, ...standing, storageId, accusations: [] }, facts }
    })
    for (const machine of this.machines) {
      for (const { name } of this.machines) machine.links.add(name)
      this.#perform(machine, machine.core.onExchangeReply('all', { claims: [], records }, this.now))
    }
  }

  at(index: number): Machine {
    return this.machines[index] as Machine
  }

  view(by: number, of: number): Member | undefined {
    return this.at(by).core.get(this.at(of).name)
  }

  live(): Machine[] {
    return this.machines.filter(({ up }) => up)
  }

  /** All that are up hold exactly each other for alive. */
  agreed(): boolean {
    const live = this.live()
    return live.every((machine) => {
      const alive = machine.core.members().filter(({ state }) => state === 'alive')
      return alive.length === live.length && alive.every(({ id }) => this.#byName.get(id)?.up)
    })
  }

  /** All that are up hold `of` for `state`. */
  all(of: number, state: string): boolean {
    return this.live().every(
      (machine) => machine === this.at(of) || machine.core.get(this.at(of).name)?.state === state,
    )
  }

  run(ms: number): void {
    this.#runUntil(() => false, this.now + ms)
  }

  /** Milliseconds until the condition held; fails the test after `limitMs`. */
  until(what: string, condition: () => boolean, limitMs: number): number {
    const start = this.now
    this.#runUntil(condition, start + limitMs)
    assert.ok(condition(), `seed ${this.#options.seed}: not ${what} within ${limitMs} ms`)
    return this.now - start
  }

  settle(): void {
    this.until('agreed', () => this.agreed(), 60_000)
  }

  /** kill -9: the machine's kernel closes its connections and refuses new ones. */
  kill(index: number): void {
    const machine = this.at(index)
    machine.up = false
    for (const name of machine.links) {
      const peer = this.#byName.get(name) as Machine
      peer.links.delete(machine.name)
      if (!this.#isCut(machine, peer))
        this.#later(this.#delay(), () => this.#onReset(peer, machine))
    }
    machine.links.clear()
  }

  /** Power loss, or a cable pulled for ever: silence. */
  vanish(index: number): void {
    const machine = this.at(index)
    machine.up = false
    machine.hasKernel = false
  }

  restart(index: number, boot: number, disk = 'a'): void {
    this.#boot(index, factsOf(index, boot, disk))
    const machine = this.at(index)
    const contacts = this.machines.map(({ name }) => name).filter((name) => name !== machine.name)
    this.#perform(machine, machine.core.start(contacts, this.now))
  }

  /** When it goes on it sees to its timers before it reads its sockets, as Node's event loop does. */
  pause(index: number, ms: number): void {
    const machine = this.at(index)
    machine.pausedUntil = this.now + ms
    this.#at(machine.pausedUntil, () => {
      if (machine.armedAt <= this.now) this.#onTimer(machine, machine.armedAt)
    })
  }

  /** What it sends and what is sent to it waits for so long, while its timers go on. */
  block(index: number, ms: number): void {
    this.at(index).blockedUntil = this.now + ms
  }

  /** Nothing gets from `a` to `b`. */
  cut(a: number, b: number): void {
    this.#cuts.add(`${a} ${b}`)
  }

  /** Both ways between the first `count` and the rest. */
  partition(count: number): void {
    for (let a = 0; a < count; a++) {
      for (let b = count; b < this.machines.length; b++) {
        this.cut(a, b)
        this.cut(b, a)
      }
    }
  }

  heal(): void {
    this.#cuts.clear()
  }

  perform(index: number, run: (core: Swim, now: number) => Effect[]): void {
    const machine = this.at(index)
    this.#perform(machine, run(machine.core, this.now))
  }

  /** Wrong news of members that were up all the time. */
  falseDeaths(): Seen[] {
    return this.seen.filter(({ kind, of }) => kind === 'dead' && this.#byName.get(of)?.up)
  }

  #boot(index: number, facts: MemberFacts): void {
    const name = `peer-${String(index).padStart(4, '0')}`
    const peer = this.#options.realNames === true ? name.padEnd(PEER_ID_LENGTH, 'x') : name
    const core = new (this.#options.core ?? Swim)({
      self: peer,
      facts,
      profile: this.#options.profile ?? LAN,
      random: this.random.fork(`${peer}/${facts.boot}/${facts.storageId}`),
      now: this.now,
    })
    const { storageId, boot, role } = facts
    const machine = new Machine(core, { peer, storageId, boot, role, run: 1, wireVersion: 1 })
    this.machines[index] = machine
    this.#byName.set(peer, machine)
  }

  /** Looks at the condition every few milliseconds: it may cost more than an event. */
  #runUntil(condition: () => boolean, end: number): void {
    let look = this.now
    for (;;) {
      if (this.now >= look) {
        if (condition()) return
        look = this.now + LOOK_EVERY_MS
      }
      const next = this.#heap[0]
      if (next === undefined || next.at > end) {
        this.now = end
        return
      }
      this.#pop()
      this.now = next.at
      next.run()
    }
  }

  #delay(): number {
    const [low, high] = this.#options.delayMs ?? [0.5, 5]
    return this.random.between(low, high)
  }

  #later(delayMs: number, run: () => void): void {
    this.#at(this.now + delayMs, run)
  }

  #at(at: number, run: () => void): void {
    const event = { at, order: this.#order++, run }
    const heap = this.#heap
    let i = heap.length
    heap.push(event)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent] as Event
      if (!before(event, above)) break
      heap[i] = above
      i = parent
    }
    heap[i] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Event
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && before(right, heap[child] as Event)) child++
      if (!before(heap[child] as Event, last)) break
      heap[i] = heap[child] as Event
      i = child
    }
    heap[i] = last
  }

  /** Runs as the machine's process: later if it stands still, never if it is gone. */
  #as(machine: Machine, run: () => void): void {
    if (!machine.up || this.#byName.get(machine.name) !== machine) return
    if (machine.pausedUntil > this.now) {
      this.#at(machine.pausedUntil, () => this.#as(machine, run))
    } else run()
  }

  #isCut(from: Machine, to: Machine): boolean {
    if (this.#cuts.size === 0) return false
    return this.#cuts.has(`${this.#indexOf(from)} ${this.#indexOf(to)}`)
  }

  #indexOf(machine: Machine): number {
    return Number(machine.name.slice(5, 9))
  }

  #perform(machine: Machine, effects: readonly Effect[]): void {
    for (const effect of effects) this.#do(machine, effect)
    const { deadline } = machine.core
    if (deadline >= machine.armedAt) return
    machine.armedAt = deadline
    this.#at(Math.max(this.now, deadline), () => this.#onTimer(machine, deadline))
  }

  #onTimer(machine: Machine, at: number): void {
    if (machine.armedAt !== at) return // Set anew since.
    this.#as(machine, () => {
      machine.armedAt = Number.POSITIVE_INFINITY
      this.#perform(machine, machine.core.onDeadline(this.now))
    })
  }

  #do(machine: Machine, effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.onSend?.(machine.name, effect)
        return this.#send(machine, effect)
      case 'reconnect':
        this.#unlink(machine, effect.peer)
        return this.#dial(machine, effect.peer)
      case 'connect':
        return this.#dial(machine, effect.peer)
      case 'exchange': {
        const bytes = encodePushPull(effect.body, 0)
        return this.#exchange(machine, effect.peer, bytes)
      }
      case 'event':
        this.seen.push({
          at: this.now,
          by: machine.name,
          kind: effect.event.kind,
          of: effect.event.member.id,
        })
        return
      case 'goodbye-done':
        machine.goodbye = true
        return
      default:
    }
  }

  #send(machine: Machine, { to, message }: Effect & { kind: 'send' }): void {
    this.sent.set(message.kind, (this.sent.get(message.kind) ?? 0) + 1)
    const bytes = encodeFrame(message, 7)
    this.#count(message.kind, bytes.length)
    const lost = this.random.float() < this.loss
    const delay = this.#delay()
    this.#dial(machine, to)
    if (lost) return
    const peer = this.#byName.get(to)
    if (peer === undefined || this.#isCut(machine, peer)) return
    const waits = Math.max(0, machine.blockedUntil - this.now)
    this.#later(waits + delay, () => this.#deliver(machine, to, bytes))
  }

  #count(kind: string, bytes: number): void {
    this.bytes.set(kind, (this.bytes.get(kind) ?? 0) + bytes)
  }

  #deliver(from: Machine, to: string, bytes: Uint8Array): void {
    const peer = this.#byName.get(to) as Machine
    if (peer.blockedUntil > this.now) {
      this.#at(peer.blockedUntil, () => this.#deliver(from, to, bytes))
      return
    }
    this.#as(peer, () => {
      const { message } = decodeFrame(bytes)
      this.#perform(peer, peer.core.onMessage(from.remote, message, this.now))
    })
  }

  #exchange(machine: Machine, to: string, bytes: Uint8Array): void {
    const peer = this.#byName.get(to)
    const back = (run: () => void, delay: number) =>
      this.#later(delay, () => this.#as(machine, run))
    const fail = () => this.#perform(machine, machine.core.onExchangeFailure(to, this.now))
    if (
      peer === undefined ||
      !peer.up ||
      this.#isCut(machine, peer) ||
      this.#isCut(peer, machine)
    ) {
      back(fail, 1000)
      return
    }
    this.#count('exchange', bytes.length)
    const waits = Math.max(0, machine.blockedUntil - this.now, peer.blockedUntil - this.now)
    this.#later(waits + this.#delay(), () => {
      if (!peer.up) return back(fail, 1000)
      this.#as(peer, () => {
        const request = decodePushPull(bytes)
        const { reply, effects } = peer.core.onExchange(machine.remote, request, this.now)
        this.#perform(peer, effects)
        const answer = encodePushPull(reply, 0)
        this.#count('exchange', answer.length)
        back(() => {
          const effectsBack = machine.core.onExchangeReply(to, decodePushPull(answer), this.now)
          this.#perform(machine, effectsBack)
        }, this.#delay())
      })
    })
  }

  #unlink(machine: Machine, to: string): void {
    machine.links.delete(to)
    this.#byName.get(to)?.links.delete(machine.name)
  }

  #dial(machine: Machine, to: string): void {
    if (machine.links.has(to) || to === machine.name) return
    const peer = this.#byName.get(to)
    if (peer === undefined || !peer.hasKernel) return
    if (this.#isCut(machine, peer) || this.#isCut(peer, machine)) return
    if (peer.up) {
      machine.links.add(to)
      peer.links.add(machine.name)
    }
    this.#later(2 * this.#delay(), () => {
      this.#as(machine, () => this.#onDialled(machine, peer))
      if (peer.up) this.#as(peer, () => this.#onDialled(peer, machine))
    })
  }

  #onDialled(machine: Machine, peer: Machine): void {
    const now = this.#byName.get(peer.name) as Machine
    const evidence = now.up
      ? ({ kind: 'connected', peer: peer.name, remote: now.remote } as const)
      : ({ kind: 'refused', peer: peer.name } as const)
    this.#perform(machine, machine.core.onEvidence(evidence, this.now))
  }

  #onReset(machine: Machine, peer: Machine): void {
    this.#as(machine, () => {
      const evidence = { kind: 'reset', peer: peer.name } as const
      this.#perform(machine, machine.core.onEvidence(evidence, this.now))
    })
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
