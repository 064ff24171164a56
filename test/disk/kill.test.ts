/** kill -9 of a real process on a real disk: everything that it acknowledged is there. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { silentLog } from '../../src/adapters/system-log.ts'
import { openSystemStorage } from '../../src/adapters/system-storage.ts'
import { openDatabase } from '../../src/disk/log-database.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { text } from './bench.ts'

const PROGRAM = new URL('commit-until-killed.ts', import.meta.url).pathname
const ROUNDS = 4

/** Kills the process once it has acknowledged so many commits; the last of each lane. */
async function commitUntilKilled(
  directory: string,
  first: number,
  commits: number,
): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [PROGRAM, directory, `${first}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (chunk: string) => {
    output += chunk
    if (output.split('\n').length > commits) child.kill('SIGKILL')
  })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL')
  const acked = new Map<string, number>()
  for (const line of output.split('\n').slice(0, -1)) {
    const [lane = '', number = ''] = line.split(' ')
    acked.set(lane, Number(number))
  }
  return acked
}

describe('database of a process that is killed', () => {
  it('has everything that was acknowledged', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'atoll-kill-'))
    const random = new SimRandom(`${process.pid}`)
    let first = 0
    // The clock of the daemon keeps no process alive, and this one waits for it.
    const holder = setInterval(() => undefined, 1000)
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const commits = 1 + random.int(2000)
        const what = `seed ${process.pid}, round ${round}, ${commits} commits`
        const acked = await commitUntilKilled(directory, first, commits)
        assert.ok(acked.size > 0, what)
        const storage = await openSystemStorage(directory)
        const options = { storage, clock: new SystemClock(), log: silentLog }
        const database = await openDatabase(options)
        for (const [lane, last] of acked) {
          const found = Number(text(database.get(`last/${lane}`))?.replaceAll('.', ''))
          assert.ok(found >= last && found <= last + 1, `${what}: lane ${lane}: ${found}, ${last}`)
          for (let i = Math.max(first, last - 49); i <= last; i++) {
            const each = Number(text(database.get(`lane/${lane}/${i % 50}`))?.replaceAll('.', ''))
            assert.ok(each === i || each === i + 50, `${what}: lane ${lane}: ${each}, not ${i}`)
          }
        }
        first = Math.max(...acked.values()) + 2
        await database.close()
        await storage.close()
      }
      const segments = readdirSync(directory).filter((name) => name.startsWith('log-'))
      assert.ok(!segments.includes('log-000000000000001'), 'there were checkpoints')
    } finally {
      clearInterval(holder)
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
