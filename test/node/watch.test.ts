/** What a node notices of itself: the ring of incidents and its bounds, stalls, slow disks. */
import assert from 'node:assert/strict'
import {
  DETAIL_TEXT_MAX,
  INCIDENT_BYTES_MAX,
  IncidentRing,
  INCIDENTS_MAX,
  MERGE_MS,
} from '../../src/node/watch/incident-ring.ts'
import { LOOP_PERIOD_MS, LoopWatch, STALL_MS } from '../../src/node/watch/loop-watch.ts'
import { SelfWatch } from '../../src/node/watch/self-watch.ts'
import { SLOW_SYNC_MS, SyncTimes } from '../../src/node/watch/sync-times.ts'
import type { Clock } from '../../src/seams/clock.ts'
import type { Seams } from '../../src/seams/seams.ts'
import type { AppendFile, Storage } from '../../src/seams/storage.ts'
import { ManualClock } from '../topology/manual-clock.ts'

const MEMBER = { lane: 'member', subject: 'name' } as const
const CROWD = { lane: 'disk', merges: 'any' } as const

/** A wall clock that can be set. */
class SettableClock extends ManualClock {
  aheadMs = 0
  override wallMs(): number {
    return super.wallMs() + this.aheadMs
  }
}

function collecting() {
  const lines: { readonly event: string; readonly fields: object }[] = []
  const write = (_level: string, event: string, fields: object = {}): void =>
    void lines.push({ event, fields })
  return { lines, log: { allows: () => true, write } }
}

describe('ring of incidents', () => {
  it('keeps the newest under the bound of their number, and counts what it forgot', async () => {
    const clock = new ManualClock()
    const ring = new IncidentRing(clock)
    for (let i = 0; i < INCIDENTS_MAX * 2.5; i++) {
      if (i % 1000 === 0) await clock.advance(1)
      ring.add(MEMBER, 'info', 'member.join', { name: `m${i}` })
      assert.ok(ring.size <= INCIDENTS_MAX)
    }
    const { incidents, lost } = ring.show('a')
    assert.equal(incidents.length, INCIDENTS_MAX)
    assert.equal(incidents.at(-1)?.subject, `m${INCIDENTS_MAX * 2.5 - 1}`)
    assert.equal(lost?.count, INCIDENTS_MAX * 1.5)
    assert.equal(incidents[0]?.seq, INCIDENTS_MAX * 1.5 + 1)
    // Nothing of the last moment was forgotten.
    assert.equal(ring.show('a', 0).lost, null)
  })

  it('keeps under its bound of bytes, and cuts long texts', () => {
    const ring = new IncidentRing(new ManualClock())
    for (let i = 0; i < 4000; i++) {
      ring.add(MEMBER, 'info', 'member.join', { name: `m${i}`, why: 'x'.repeat(10_000) })
      assert.ok(ring.bytes <= INCIDENT_BYTES_MAX)
    }
    const { incidents, lost } = ring.show('a')
    assert.ok(incidents.length > 1000 && incidents.length < 4000)
    assert.equal(incidents.length + (lost?.count ?? 0), 4000)
    assert.equal(String(incidents[0]?.detail['why']).length, DETAIL_TEXT_MAX + 1)
    const told = JSON.stringify(incidents).length
    assert.ok(told < 2 * INCIDENT_BYTES_MAX, `${told}`)
  })

  it('tells a crowd of the same as one: how many, how long, from where', async () => {
    const clock = new ManualClock()
    const ring = new IncidentRing(clock)
    for (const tookMs of [700, 900, 600]) {
      ring.add(CROWD, 'warn', 'disk.slow-sync', { tookMs, from: tookMs })
      await clock.advance(MERGE_MS - 1)
    }
    await clock.advance(1)
    ring.add(CROWD, 'warn', 'disk.slow-sync', { tookMs: 500 })
    const [crowd, alone, ...more] = ring.show('a').incidents
    assert.deepEqual([crowd?.times, crowd?.detail], [3, { tookMs: 900, from: 700 }])
    assert.equal((crowd?.untilMs ?? 0) - (crowd?.atMs ?? 0), 2 * (MERGE_MS - 1))
    assert.deepEqual([alone?.times, more.length], [1, 0])
  })

  it('never tells changes of members as one, nor crowds about others', () => {
    const ring = new IncidentRing(new ManualClock())
    for (let i = 0; i < 2; i++) ring.add(MEMBER, 'warn', 'member.suspect', { name: 'b' })
    const refused = { lane: 'mesh', subject: 'peer', merges: 'any' } as const
    for (const peer of ['p', 'q', 'p']) ring.add(refused, 'warn', 'mesh.refused', { peer })
    const told = ring.show('a').incidents.map(({ subject, times }) => `${subject} ${times}`)
    assert.deepEqual(told, ['b 1', 'b 1', 'p 2', 'q 1'])
  })

  it('tells topologies as one only while nothing else happens', () => {
    const ring = new IncidentRing(new ManualClock())
    const adopted = { lane: 'topology', merges: 'next' } as const
    const adopt = (number: number): void =>
      ring.add(adopted, 'info', 'topology.adopted', { from: number - 1, number })
    for (const number of [1, 2, 3]) adopt(number)
    ring.add(MEMBER, 'warn', 'member.dead', { name: 'b' })
    for (const number of [4, 5]) adopt(number)
    const told = ring.show('a').incidents.map(({ times, detail }) => [times, detail])
    assert.deepEqual(told, [
      [3, { from: 0, number: 3 }],
      [1, {}],
      [2, { from: 3, number: 5 }],
    ])
  })

  it('begins a crowd anew when the first was forgotten', () => {
    const ring = new IncidentRing(new ManualClock())
    ring.add(CROWD, 'warn', 'disk.slow-sync', {})
    for (let i = 0; i < INCIDENTS_MAX; i++) ring.add(MEMBER, 'info', 'member.join', { name: 'b' })
    ring.add(CROWD, 'warn', 'disk.slow-sync', {})
    assert.equal(ring.show('a').incidents.at(-1)?.event, 'disk.slow-sync')
  })

  it('shows what touches the span that is asked for', async () => {
    const clock = new ManualClock()
    const ring = new IncidentRing(clock)
    ring.add(MEMBER, 'info', 'member.join', { name: 'b' })
    await clock.advance(10_000)
    ring.add(MEMBER, 'info', 'member.join', { name: 'c' })
    await clock.advance(5000)
    const names = (sinceMs?: number) =>
      ring.show('a', sinceMs).incidents.map(({ subject }) => subject)
    assert.deepEqual([names(4999), names(5000), names()], [[], ['c'], ['b', 'c']])
    const { fromMs, toMs } = ring.show('a', 5000)
    assert.equal(toMs - fromMs, 5000)
    // Before its start it knows nothing.
    assert.equal(ring.show('a', 99_000).toMs - ring.show('a', 99_000).fromMs, 15_000)
  })

  it('has one axis, whatever is done to the wall clock', async () => {
    const clock = new SettableClock()
    const ring = new IncidentRing(clock)
    ring.add(MEMBER, 'info', 'member.join', { name: 'b' })
    await clock.advance(1000)
    clock.aheadMs = -3_600_000
    ring.add(MEMBER, 'info', 'member.dead', { name: 'b' })
    const [first, second] = ring.show('a').incidents
    assert.equal((second?.atMs ?? 0) - (first?.atMs ?? 0), 1000)
    assert.equal(second?.atMs, clock.wallMs())
  })
})

describe('event loop watch', () => {
  /** The clock runs on while nothing is run. */
  class StalledClock implements Clock {
    nowMs = 0
    wallAheadMs = 0
    due: { readonly run: () => void; readonly atMs: number } | null = null
    monotonicMs = (): number => this.nowMs
    wallMs = (): number => this.nowMs + this.wallAheadMs
    soon = (): never => assert.fail('not used')
    after(delayMs: number, run: () => void) {
      const due = { run, atMs: this.nowMs + delayMs }
      this.due = due
      return { cancel: () => void (this.due = this.due === due ? null : this.due) }
    }
    /** The timer runs so late. */
    look(lateMs: number): void {
      this.nowMs = (this.due?.atMs ?? 0) + lateMs
      this.due?.run()
    }
  }

  it('tells of a standstill, not of a little lateness, and keeps a minute', () => {
    const clock = new StalledClock()
    const { lines, log } = collecting()
    const watch = new LoopWatch(clock, log)
    watch.start()
    clock.look(STALL_MS - 1)
    assert.deepEqual(lines, [])
    clock.look(STALL_MS)
    assert.deepEqual(lines, [{ event: 'node.stall', fields: { lateMs: STALL_MS } }])
    assert.equal(watch.lag().worstMs, STALL_MS)
    for (let i = 0; i < 60_000 / LOOP_PERIOD_MS; i++) clock.look(2)
    assert.deepEqual(watch.lag(), { worstMs: 2, p95Ms: 2 })
    watch.stop()
    assert.equal(clock.due, null)
  })

  it('says how late it is nineteen times of twenty', () => {
    const clock = new StalledClock()
    const watch = new LoopWatch(clock, collecting().log)
    assert.deepEqual(watch.lag(), { worstMs: 0, p95Ms: 0 })
    watch.start()
    // Few looks are no habit.
    for (const lateMs of [1, 600, 2]) clock.look(lateMs)
    assert.deepEqual(watch.lag(), { worstMs: 600, p95Ms: 2 })
    for (let i = 1; i <= 300; i++) clock.look(((i - 1) % 100) + 1)
    assert.deepEqual(watch.lag(), { worstMs: 100, p95Ms: 96 })
  })

  it('tells of a wall clock that was set, not of one that was slewed, nor of a standstill', () => {
    const clock = new StalledClock()
    const { lines, log } = collecting()
    new LoopWatch(clock, log).start()
    clock.wallAheadMs += 900
    clock.look(0)
    clock.look(3_600_000)
    assert.deepEqual(
      lines.map(({ event }) => event),
      ['node.stall'],
    )
    clock.wallAheadMs -= 7000
    clock.look(0)
    clock.look(0)
    const stepped = { event: 'node.clock-stepped', fields: { byMs: -7000 } }
    assert.deepEqual(lines.slice(1), [stepped])
  })
})

describe('sync times', () => {
  it('times the syncs of every file, keeps the newest, and tells of slow ones', async () => {
    const clock = new ManualClock()
    const { lines, log } = collecting()
    const times = new SyncTimes(clock, log)
    let tookMs = 0
    const file = { sync: () => clock.advance(tookMs) } as unknown as AppendFile
    const storage = times.of({ openAppend: async () => file } as unknown as Storage)
    const opened = await storage.openAppend('x')
    for (tookMs of [SLOW_SYNC_MS, SLOW_SYNC_MS - 1, 3]) await opened.sync()
    assert.deepEqual(lines, [{ event: 'disk.slow-sync', fields: { tookMs: SLOW_SYNC_MS } }])
    assert.deepEqual(times.figures(), {
      count: 3,
      medianMs: SLOW_SYNC_MS - 1,
      worstMs: SLOW_SYNC_MS,
    })
    tookMs = 1
    for (let i = 0; i < 300; i++) await opened.sync()
    assert.deepEqual(times.figures(), { count: 256, medianMs: 1, worstMs: 1 })
  })

  it('lets a sync that fails fail', async () => {
    const { log } = collecting()
    const times = new SyncTimes(new ManualClock(), log)
    const file = { sync: () => Promise.reject(new Error('EIO')) } as unknown as AppendFile
    const storage = times.of({ openAppend: async () => file } as unknown as Storage)
    await assert.rejects((await storage.openAppend('x')).sync(), /EIO/)
    assert.equal(times.figures().count, 0)
  })
})

describe('self watch', () => {
  it('remembers incidents whatever the levels are, and no debug line', () => {
    const { lines, log } = collecting()
    const outer = { clock: new ManualClock(), log } as unknown as Seams
    const watch = new SelfWatch(outer)
    watch.seams.log.write('warn', 'mesh.refused', { peer: 'p', why: 'so' })
    watch.seams.log.write('debug', 'mesh.refused', { peer: 'q', why: 'so' })
    watch.seams.log.write('info', 'store.partition-dropped', { partition: 1 })
    assert.equal(lines.length, 3)
    const { incidents } = watch.incidents.show('a')
    assert.deepEqual(
      incidents.map(({ subject, detail }) => ({ subject, detail })),
      [{ subject: 'p', detail: { why: 'so' } }],
    )
  })
})
