/** Events in the code, in EVENTS.md and on the timeline: the same names, the same levels. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { INCIDENT_EVENTS } from '../../src/node/watch/incident-events.ts'
import { LOG_PARTS } from '../../src/seams/log-levels.ts'

const SRC = join(import.meta.dirname, '../../src')

interface Row {
  readonly event: string
  readonly levels: readonly string[]
  readonly lane: string
}

function documented(): Row[] {
  const text = readFileSync(join(SRC, 'seams/EVENTS.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `([a-z.-]+)` \| ([a-z, ]+) \| ([a-z]*) ?\| .+ \|$/gm)]
  return rows.map(([, event = '', levels = '', lane = '']) => {
    return { event, levels: levels.split(', '), lane }
  })
}

/** What is said in a call that writes a line, and in an effect that ends in one. */
function written(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  const add = (event: string, level: string): void => {
    const levels = found.get(event) ?? new Set()
    if (level !== '') levels.add(level)
    found.set(event, levels)
  }
  for (const file of globSync('**/*.ts', { cwd: SRC })) {
    const text = readFileSync(join(SRC, file), 'utf8')
    const calls = text.matchAll(/(?:\.write|#log|#note|#warn)\(\s*([^;{}]*?)'([a-z]+\.[a-z-]+)'/g)
    for (const [, before = '', event = ''] of calls) {
      const levels = [...before.matchAll(/'(debug|info|warn|error)'/g)]
      if (levels.length === 0) add(event, '')
      for (const [, level = ''] of levels) add(event, level)
    }
    const effects = text.matchAll(/level: '(\w+)', event: '([a-z]+\.[a-z-]+)'/g)
    for (const [, level = '', event = ''] of effects) add(event, level)
  }
  return found
}

describe('events of the log', () => {
  const rows = documented()
  const all = written()

  it('are those that EVENTS.md lists, in order', () => {
    const listed = rows.map(({ event }) => event)
    assert.deepEqual([...all.keys()].sort(), listed)
    assert.ok(listed.length > 50)
  })

  it('have the levels that it names', () => {
    for (const { event, levels } of rows) {
      for (const level of all.get(event) ?? [])
        assert.ok(levels.includes(level), `${event} is ${level}`)
    }
  })

  it('begin with a part that the levels know, each of which has one', () => {
    const parts = new Set(rows.map(({ event }) => event.slice(0, event.indexOf('.'))))
    assert.deepEqual([...parts].sort(), [...LOG_PARTS].sort())
  })

  it('are on the timeline in the lane that it names', () => {
    const lanes = [...INCIDENT_EVENTS].map(([event, { lane }]) => `${event} ${lane}`)
    const listed = rows.filter(({ lane }) => lane !== '').map((row) => `${row.event} ${row.lane}`)
    assert.deepEqual(lanes.sort(), listed.sort())
  })

  it('never build a name', () => {
    for (const file of globSync('**/*.ts', { cwd: SRC })) {
      assert.doesNotMatch(readFileSync(join(SRC, file), 'utf8'), /\.write\(\s*'\w+',\s*`/, file)
    }
  })
})
