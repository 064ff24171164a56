/** What watches and hints hold at most, and what they ask of others while nobody answers. */
import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import type { Mesh, RemotePeer, RequestHandler } from '../../src/mesh/mesh.ts'
import type { RegEvent } from '../../src/paxos/api.ts'
import { Hints } from '../../src/paxos/hints.ts'
import { WATCH_KEYS, WATCH_LEASE_MS, WATCHED_MAX, WATCHERS_MAX } from '../../src/paxos/limits.ts'
import { ABSENT, type Register } from '../../src/paxos/register.ts'
import { UNSEEN } from '../../src/paxos/version.ts'
import {
  decodeKeyRevisions,
  encodeKeyRevisions,
  type KeyRevision,
} from '../../src/paxos/watch-messages.ts'
import { Watches } from '../../src/paxos/watches.ts'
import type { Peers } from '../../src/topology/peers.ts'
import type { TopologyView } from '../../src/topology/topology.ts'
import { ManualClock } from '../topology/manual-clock.ts'

/** Takes what is asked and lets it be answered when the test says so. */
class SlowMesh {
  readonly told: { readonly to: string; readonly list: readonly KeyRevision[] }[] = []
  readonly #answers: PromiseWithResolvers<Uint8Array>[] = []
  handler: RequestHandler = () => new Uint8Array()

  readonly mesh = {
    self: { peer: 'self' },
    handle: (_kind: number, handler: RequestHandler) => {
      this.handler = handler
    },
    request: (to: string, _kind: number, body: Uint8Array): Promise<Uint8Array> => {
      this.told.push({ to, list: decodeKeyRevisions(body) })
      const answer = Promise.withResolvers<Uint8Array>()
      this.#answers.push(answer)
      return answer.promise
    },
  } as unknown as Mesh

  async answer(error?: Error): Promise<void> {
    const answer = this.#answers.shift()
    if (error === undefined) answer?.resolve(new Uint8Array())
    else answer?.reject(error)
    await new Promise(setImmediate)
  }
}

/** A key that this node's own proposer is at. */
const PROPOSED = 'proposed'

function watchesOf(clock: ManualClock, read: () => Promise<Register>): Watches {
  const topology = { current: () => null, subscribe: () => () => undefined }
  return new Watches({
    mesh: new SlowMesh().mesh,
    clock,
    topology: topology as unknown as TopologyView,
    peers: {} as Peers,
    read,
    isProposing: (key) => key === PROPOSED,
  })
}

const changed = (revision: number): Register => ({ ...ABSENT, kind: 'text', revision, changes: 1 })

describe('watches on one node', () => {
  const open = (watches: Watches, key: string, ends?: AbortController): Promise<unknown> =>
    watches.watch(key, UNSEEN, ends?.signal).next()
  const never = (): Promise<never> => new Promise(() => undefined)
  /** Whether it is refused at once. */
  const isBusy = (watch: Promise<unknown>): Promise<boolean> =>
    Promise.race([
      watch.then(() => false).catch((error: unknown) => isAtollError(error, 'BUSY')),
      new Promise<boolean>((resolve) => setImmediate(() => resolve(false))),
    ])

  it('are so many and no more, and there is room again when one ends', async () => {
    const watches = watchesOf(new ManualClock(), never)
    const ends = new AbortController()
    const first = open(watches, 'k', ends)
    const all = Array.from({ length: WATCHERS_MAX - 1 }, () => open(watches, 'k'))
    assert.ok(await isBusy(open(watches, 'k')))
    ends.abort()
    await first
    all.push(open(watches, 'k'))
    assert.ok(await isBusy(open(watches, 'k')))
    assert.equal(watches.size, 1)
    watches.stop()
    await Promise.all(all)
    assert.equal(watches.size, 0)
  })

  it('are of so many keys and no more', async () => {
    const watches = watchesOf(new ManualClock(), never)
    const ends = new AbortController()
    const first = open(watches, 'k', ends)
    const all = Array.from({ length: WATCHED_MAX - 1 }, (_, i) => open(watches, `k${i}`))
    assert.ok(await isBusy(open(watches, 'other')))
    // Of a key that is watched already there may be more.
    all.push(open(watches, 'k1'))
    ends.abort()
    await first
    all.push(open(watches, 'other'))
    assert.equal(watches.size, WATCHED_MAX)
    watches.stop()
    await Promise.all(all)
    assert.equal(watches.size, 0)
  })

  it('try few keys again at a time while there is no majority, and all in the end', async () => {
    const clock = new ManualClock()
    let [reading, most, isBack] = [0, 0, false]
    const watches = watchesOf(clock, async () => {
      most = Math.max(most, ++reading)
      await new Promise<void>((resolve) => clock.after(isBack ? 1 : 2000, resolve))
      reading--
      if (isBack) return changed(7)
      throw new Error('no majority')
    })
    const ends = new AbortController()
    const all = Array.from({ length: 500 }, (_, i) => open(watches, `k${i}`, ends))
    await clock.advance(2000)
    assert.equal(most, 500)
    most = 0
    await clock.advance(10_000)
    assert.ok(most > 0 && most <= 32, `${most} at once`)
    isBack = true
    await clock.advance(5000)
    const shown = (await Promise.all(all)) as IteratorResult<RegEvent>[]
    assert.ok(shown.every(({ value }) => value.kind === 'value'))
    ends.abort()
    watches.stop()
  })

  it('read for what their own proposer is at only when it does not say in time', async () => {
    const clock = new ManualClock()
    let reads = 0
    const watches = watchesOf(clock, () => {
      reads++
      return Promise.resolve(changed(reads === 1 ? 1 : 3))
    })
    const events = watches.watch(PROPOSED, UNSEEN)
    await events.next()
    watches.hint(PROPOSED, 2)
    watches.chosen(PROPOSED, changed(2))
    await events.next()
    await clock.advance(1000)
    assert.equal(reads, 1, 'it said so')
    watches.hint(PROPOSED, 3)
    await clock.advance(1000)
    assert.equal(reads, 2)
    await events.next()
    watches.stop()
  })

  it('do not read on for a change that is never chosen', async () => {
    const clock = new ManualClock()
    let reads = 0
    const watches = watchesOf(clock, async () => {
      reads++
      return changed(7)
    })
    const ends = new AbortController()
    await open(watches, 'k', ends)
    assert.equal(reads, 1)
    watches.hint('k', 8)
    await clock.advance(10_000)
    assert.equal(reads, 7)
    watches.hint('k', 8)
    await clock.advance(10_000)
    assert.equal(reads, 13)
    ends.abort()
    watches.stop()
  })

  it('find what comes up while a change that is never chosen is looked for', async () => {
    // Whenever that is: within the pauses between two looks, and after the last.
    for (let atMs = 0; atMs <= 700; atMs += 50) {
      const clock = new ManualClock()
      let chosen = changed(7)
      const watches = watchesOf(clock, async () => chosen)
      const ends = new AbortController()
      const first = watches.watch('k', UNSEEN, ends.signal)
      await first.next()
      const next = first.next()
      watches.hint('k', 8)
      await clock.advance(atMs)
      const second = open(watches, 'k', ends)
      await clock.advance(1000)
      assert.equal(await isOver(second), true, `who comes ${atMs} ms later begins`)
      watches.hint('k', 8)
      await clock.advance(atMs)
      chosen = changed(9)
      watches.hint('k', 9)
      await clock.advance(1000)
      assert.equal(await isOver(next), true, `a change ${atMs} ms later is seen`)
      ends.abort()
      watches.stop()
    }
  })
})

async function isOver(waiting: Promise<unknown>): Promise<boolean> {
  const isLate = new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))
  return Promise.race([waiting.then(() => true), isLate])
}

describe('hints', () => {
  const from = (peer: string): RemotePeer => ({ peer }) as RemotePeer
  const revisions = new Map<string, number>()

  function rig() {
    const [slow, clock] = [new SlowMesh(), new ManualClock()]
    const revisionOf = (key: string): number => revisions.get(key) ?? 0
    const hints = new Hints({ mesh: slow.mesh, clock, revisionOf })
    const watch = async (peer: string, list: readonly KeyRevision[]) =>
      decodeKeyRevisions(await slow.handler(from(peer), encodeKeyRevisions(list)))
    return { slow, clock, hints, watch }
  }
  afterEach(() => revisions.clear())

  it('say at once of which keys more is known, and of which nothing any more', async () => {
    const { watch } = rig()
    revisions.set('new', 5).set('same', 5).set('old', 4)
    const asked = ['new', 'same', 'old', 'gone'].map((key) => [key, 5] as const)
    assert.deepEqual(await watch('p', [['new', 0], ...asked.slice(1), ['never', 0]]), [
      ['new', 5],
      ['gone', 0],
    ])
  })

  it('go to a peer that stands still one at a time, and then once for each key', async () => {
    const { watch, hints, clock, slow } = rig()
    await watch('p', [['a', 0]])
    await watch('q', [['a', 0]])
    await watch('p', [['b', 0]])
    for (let revision = 1; revision <= 100; revision++) {
      hints.changed('a', () => revision)
      hints.changed('b', () => revision)
      await clock.advance(1)
    }
    const told = (peer: string) => slow.told.filter(({ to }) => to === peer)
    assert.deepEqual([told('p').length, told('q').length], [1, 1])
    // Of what gets lost the next tells.
    await slow.answer(new Error('lost'))
    await clock.advance(1)
    assert.deepEqual(told('p').at(-1)?.list, [
      ['a', 100],
      ['b', 100],
    ])
    assert.deepEqual([told('p').length, told('q').length], [2, 1])
    hints.stop()
  })

  it('go in messages of so many keys, and a peer watches so many and no more', async () => {
    const { watch, hints, clock, slow } = rig()
    const keys = Array.from({ length: WATCHED_MAX + 1 }, (_, i) => `k${i}`)
    for (let i = 0; i < keys.length; i += WATCH_KEYS) {
      const list = keys.slice(i, i + WATCH_KEYS).map((key) => [key, 0] as const)
      // To be told again takes no more room.
      await watch('p', list)
      await watch('p', list)
    }
    assert.equal(hints.size, WATCHED_MAX)
    for (const key of keys) hints.changed(key, () => 1)
    await clock.advance(1)
    for (let i = 0; i < keys.length; i += WATCH_KEYS) await slow.answer()
    const told = slow.told.map(({ list }) => list.length)
    assert.equal(Math.max(...told), WATCH_KEYS)
    assert.equal(
      told.reduce((sum, length) => sum + length, 0),
      WATCHED_MAX,
    )
    // Others may watch what it has no room for.
    await watch('q', [[keys.at(-1) ?? '', 0]])
    assert.equal(hints.size, WATCHED_MAX + 1)
    hints.stop()
    assert.equal(hints.size, 0)
  })

  it('end for those who do not ask again, and what they watched makes room', async () => {
    const { watch, hints, clock, slow } = rig()
    await watch('p', [['a', 0]])
    await watch('q', [['a', 0]])
    await watch('p', [['b', 0]])
    await clock.advance(WATCH_LEASE_MS - 1)
    await watch('p', [['a', 0]])
    await clock.advance(WATCH_LEASE_MS)
    assert.equal(hints.size, 1)
    hints.changed('a', () => 1)
    hints.changed('b', () => 1)
    await clock.advance(1)
    assert.deepEqual(slow.told, [{ to: 'p', list: [['a', 1]] }])
    await clock.advance(2 * WATCH_LEASE_MS)
    assert.equal(hints.size, 0)
    assert.equal(clock.pending, 0)
    const keys = Array.from({ length: WATCHED_MAX }, (_, i) => [`k${i}`, 0] as const)
    for (let i = 0; i < keys.length; i += WATCH_KEYS)
      await watch('p', keys.slice(i, i + WATCH_KEYS))
    assert.equal(hints.size, WATCHED_MAX)
    hints.stop()
  })
})
