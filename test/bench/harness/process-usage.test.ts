import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { statFields, usageOf } from './process-usage.ts'

describe('bench process usage', () => {
  it('finds its fields behind a name with blanks and brackets', () => {
    const stat = '42 (a) b (c)) S 7 42 42 0 -1 4194304 1 0 0 0 12 34 0 0 20'
    const fields = statFields(stat)
    assert.deepEqual([fields[0], fields[1], fields[11], fields[12]], ['S', '7', '12', '34'])
  })

  it('counts a process and what it started, each once', () => {
    const own = usageOf([process.pid])
    assert.ok(own.cpuMicros > 0)
    assert.ok(own.rssBytes > 10e6)
    assert.ok(usageOf([process.pid, process.pid]).rssBytes < 1.5 * own.rssBytes)
    // The one that started us has us too.
    assert.ok(usageOf([process.ppid]).rssBytes >= own.rssBytes / 2)
  })

  it('sees less than a tick of 10 ms, where the kernel tells', function () {
    if (!existsSync('/proc/self/schedstat')) this.skip()
    assert.notEqual(usageOf([process.pid]).cpuMicros % 10_000, 0)
  })

  it('counts nothing for one that is gone', () => {
    assert.deepEqual(usageOf([2 ** 22 + 1]), { cpuMicros: 0, rssBytes: 0 })
  })
})
