/** The doctor, the timeline and the levels of the log, as a person and as a monitor see them. */
import assert from 'node:assert/strict'
import type { Diagnosis, Incident, Timeline } from '../../src/node/api.ts'
import { debugTimeline, doctor } from '../../src/cli/debug-views.ts'
import { diagnosisOf } from '../rpc/fake-node.ts'
import { CliRig } from './cli-rig.ts'

const plain = (_colour: string, text: string): string => text
const NOON = Date.UTC(2030, 0, 1, 12)

function incident(atMs: number, change: Partial<Incident>): Incident {
  return {
    seq: 1,
    atMs: NOON + atMs,
    untilMs: NOON + atMs,
    times: 1,
    lane: 'member',
    level: 'info',
    event: 'member.join',
    subject: 'b',
    detail: {},
    ...change,
  }
}

function timeline(incidents: readonly Incident[], change: Partial<Timeline> = {}): string {
  const all = { name: 'a', fromMs: NOON, toMs: NOON + 600_000, lost: null, incidents, ...change }
  return debugTimeline.human(all as Parameters<typeof debugTimeline.human>[0], plain)
}

describe('doctor on the command line', () => {
  let cli: CliRig
  beforeEach(async () => {
    cli = await CliRig.open()
  })
  afterEach(() => cli.close())

  for (const [severity, status] of [
    ['ok', 0],
    ['warn', 8],
    ['fail', 1],
  ] as const) {
    for (const format of ['human', 'json', 'jsonl', 'raw']) {
      it(`${severity} ends with ${status}, -o ${format}`, async () => {
        cli.rig.node.diagnosis = diagnosisOf(severity)
        const ran = await cli.run('doctor', '-o', format)
        assert.deepEqual([ran.status, ran.err], [status, ''])
        assert.match(ran.out, new RegExp(severity))
      })
    }
  }

  it('is an error of its own when no daemon answers, or not in time', async () => {
    const none = await cli.bare('--socket', `${cli.dir}/none`, 'doctor')
    assert.equal(none.status, 3)
    cli.rig.node.gate = new Promise(() => undefined)
    const late = await cli.run('doctor', '--timeout', '100ms')
    assert.equal(late.status, 6)
  })

  it('shows each finding with its fix, the sums, and that only some were asked', () => {
    const finding = { check: 'clock', severity: 'ok', seen: 'all agree', fix: '' } as const
    const bad = {
      check: 'quorum',
      severity: 'fail',
      seen: 'none\u001b[31m',
      fix: 'start b',
    } as const
    const diagnosis: Diagnosis = {
      severity: 'fail',
      tookMs: 1234,
      asked: 31,
      members: 100,
      findings: [finding, bad],
    }
    assert.equal(
      doctor.human(diagnosis as Parameters<typeof doctor.human>[0], plain),
      [
        'ok    clock   all agree',
        'fail  quorum  none\\u001b[31m',
        '      fix     start b',
        '1 failed · 0 warnings · 1 ok · 31 of 99 others asked · 1.2 s',
        '',
      ].join('\n'),
    )
  })

  it('jsonl is a line for each finding', async () => {
    const { out } = await cli.run('doctor', '-o', 'jsonl')
    const check = { check: 'clock', severity: 'ok', seen: 'as it is', fix: '' }
    assert.deepEqual(JSON.parse(out), check)
  })

  it('debug log passes on what is wanted and for how long; without words it only shows', async () => {
    assert.match((await cli.run('debug', 'log')).out, /^all {4}info\nswim {3}debug\n +as it was/)
    const changed = await cli.run('debug', 'log', 'swim=debug', '--for', '5m')
    assert.match(changed.out, /until {2}in 5m 0s, then info/)
    assert.equal((await cli.run('debug', 'log', '-o', 'raw')).out, 'info,swim=debug\n')
  })
})

describe('timeline for people', () => {
  it('is one line an incident, in columns, with rests between what belongs together', () => {
    const text = timeline([
      incident(0, {
        lane: 'node',
        subject: '',
        event: 'node.started',
        detail: { boot: 2, version: '1' },
      }),
      incident(250, {}),
      incident(300_250, { event: 'member.suspect', level: 'warn', detail: { was: 'alive' } }),
      incident(302_250, { event: 'member.dead', level: 'warn', detail: { was: 'suspect' } }),
      incident(303_000, { event: 'member.alive', detail: { was: 'dead' } }),
      incident(304_000, {
        lane: 'stall',
        subject: '',
        event: 'node.stall',
        level: 'warn',
        times: 3,
        untilMs: NOON + 306_000,
        detail: { lateMs: 700 },
      }),
    ])
    assert.equal(
      text,
      [
        'a · 2030-01-01 · 12:00:00.000 to 12:10:00.000 UTC · 1 node, 4 member, 3 stall',
        '12:00:00.000  node    -  started (start 2 of its disk, version 1)',
        '12:00:00.250  member  b  joined',
        '              · quiet for 5m 0s',
        '12:05:00.250  member  b  suspected',
        '12:05:02.250  member  b  dead',
        '12:05:03.000  member  b  back',
        '12:05:04.000  stall   -  stood still for up to 700 ms (3 times in 2.0 s)',
        '',
      ].join('\n'),
    )
  })

  it('says what was forgotten, when a day begins, and when there is nothing', () => {
    const lost = timeline([], { lost: { count: 12, untilMs: NOON + 5000 } })
    assert.match(
      lost,
      /nothing happened\n… 12 earlier incidents were forgotten, up to 12:00:05\.000/,
    )
    assert.match(
      timeline([incident(13 * 3_600_000, {})]),
      /\n +2030-01-02\n01:00:00\.000 {2}member/,
    )
  })

  it('shows an event that it has no words for by its name and fields, and no control characters', () => {
    const text = timeline([
      incident(0, {
        event: 'mesh.refused',
        lane: 'mesh',
        subject: 'p\u001b',
        detail: { why: 'a\u0007b' },
      }),
    ])
    assert.match(text, /mesh {2}p\\u001b {2}mesh\.refused why=a\\u0007b\n$/)
  })

  for (const [members, moving, words] of [
    [1, 0, '1 member, 0 partitions moving'],
    [3, 1, '3 members, 1 partition moving'],
  ] as const) {
    it(`a topology: ${words}`, () => {
      const detail = { from: 2, number: 3, members, moving }
      const text = timeline([incident(0, { event: 'topology.adopted', subject: '', detail })])
      assert.ok(text.endsWith(`-  topology 2 → 3: ${words}\n`), text)
    })
  }

  for (const [was, words] of [
    ['dead', 'back'],
    ['left', 'back'],
    ['suspect', 'alive after all'],
    ['alive', 'started anew'],
  ] as const) {
    it(`alive after ${was}: ${words}`, () => {
      const text = timeline([incident(0, { event: 'member.alive', detail: { was } })])
      assert.ok(text.endsWith(`b  ${words}\n`), text)
    })
  }
})
