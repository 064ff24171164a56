import assert from 'node:assert/strict'
import { silentLog, systemLog } from '../../src/adapters/system-log.ts'
import { Kernel } from '../sim/kernel.ts'
import { LogRing } from '../sim/sim-log.ts'
import { LogLevels } from '../../src/seams/log-levels.ts'
import { logContract } from './log.contract.ts'

function atInfo(): LogLevels {
  return new LogLevels({ base: 'info', parts: {} })
}

function collecting(readable: boolean) {
  const lines: string[] = []
  const levels = atInfo()
  const sink = { write: (line: string) => void lines.push(line) }
  return { log: systemLog({ levels, sink, readable }), lines: () => lines, levels }
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

  it('changes its levels while it runs, of one part or of all', () => {
    const { log, lines, levels } = collecting(false)
    log.write('debug', 'swim.one')
    levels.rule = { base: 'error', parts: { swim: 'debug' } }
    log.write('debug', 'swim.two')
    log.write('warn', 'mesh.three')
    levels.rule = levels.start
    log.write('debug', 'swim.four')
    log.write('info', 'mesh.five')
    assert.deepEqual(
      lines().map((line) => (JSON.parse(line) as { event: string }).event),
      ['swim.two', 'mesh.five'],
    )
  })

  it('never throws, whatever becomes of its sink', () => {
    const sink = {
      write: () => {
        throw new Error('EPIPE')
      },
    }
    for (const readable of [true, false]) {
      systemLog({ levels: atInfo(), sink, readable }).write('error', 'node.end')
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
