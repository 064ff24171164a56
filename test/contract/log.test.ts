import assert from 'node:assert/strict'
import { silentLog, systemLog } from '../../src/adapters/system-log.ts'
import { Kernel } from '../sim/kernel.ts'
import { LogRing } from '../sim/sim-log.ts'
import { logContract } from './log.contract.ts'

function collecting(readable: boolean) {
  const lines: string[] = []
  const sink = { write: (line: string) => void lines.push(line) }
  return { log: systemLog({ level: 'info', sink, readable }), lines: () => lines }
}

logContract('system, JSON', () => collecting(false))
logContract('system, readable', () => collecting(true))
logContract('simulated', () => {
  const ring = new LogRing(new Kernel())
  return { log: ring.of('n0'), lines: () => ring.lines() }
})

describe('system log', () => {
  it('writes JSON objects with distinct keys, ended by a line feed', () => {
    const { log, lines } = collecting(false)
    log.write('warn', 'a.b', { level: 'x', peer: 'p', n: 1 })
    const [line = ''] = lines()
    assert.ok(line.endsWith('}\n'))
    const { time, ...rest } = JSON.parse(line) as Record<string, unknown>
    assert.deepEqual(rest, { level: 'warn', event: 'a.b', level_: 'x', peer: 'p', n: 1 })
    assert.equal(line.match(/"level":/g)?.length, 1)
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  it('reads well on a terminal', () => {
    const { log, lines } = collecting(true)
    log.write('warn', 'swim.suspect', { name: 'b', why: 'no answer', ms: 12 })
    assert.match(
      lines()[0] ?? '',
      /^\d\d:\d\d:\d\d\.\d{3} warn {2}swim\.suspect name=b why="no answer" ms=12\n$/,
    )
  })

  it('changes its level while it runs', () => {
    const { log, lines } = collecting(false)
    log.write('debug', 'one')
    log.level = 'debug'
    log.write('debug', 'two')
    log.level = 'error'
    log.write('warn', 'three')
    assert.equal(log.level, 'error')
    assert.deepEqual(
      lines().map((line) => (JSON.parse(line) as { event: string }).event),
      ['two'],
    )
  })

  it('never throws, whatever becomes of its sink', () => {
    const sink = {
      write: () => {
        throw new Error('EPIPE')
      },
    }
    for (const readable of [true, false]) {
      systemLog({ level: 'info', sink, readable }).write('error', 'node.end')
    }
    silentLog.write('error', 'nobody.hears')
  })
})

describe('simulated log', () => {
  it('keeps the newest lines under its bound, oldest first', () => {
    const ring = new LogRing(new Kernel(), 'debug')
    for (let i = 0; i < 5000; i++) ring.add('n0', 'debug', 'line', { i })
    assert.equal(ring.lines().length, 4000)
    assert.match(ring.lines()[0] ?? '', /"i":1000/)
    assert.match(ring.lines(1)[0] ?? '', /"i":4999/)
  })
})
