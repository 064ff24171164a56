import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
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
    // In a process of its own: threads that ended are known in ticks alone.
    const module = new URL('process-usage.ts', import.meta.url).href
    const script = `import(${JSON.stringify(module)}).then(({ usageOf }) => {
      for (let i = 0; i < 50; i++) console.log(usageOf([process.pid]).cpuMicros)
    })`
    const lines = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).split('\n')
    assert.ok(lines.some((line) => Number(line) % 10_000 !== 0))
  })

  it('counts nothing for one that is gone', () => {
    assert.deepEqual(usageOf([2 ** 22 + 1]), { cpuMicros: 0, rssBytes: 0 })
  })
})
