/**
 * LevelDB with one bit changed, or a file cut: it may open without a word and show fewer entries,
 * and it does. The database must not: it refuses, ends, or is not harmed. On some damage LevelDB
 * ends the process itself, with an abort.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SimRandom } from '../sim/sim-random.ts'

const PROGRAM = new URL('level-fates.ts', import.meta.url).pathname
const ROUNDS = 60
const LOUD = ['refused', 'ended', 'noticed', 'aborted']

/** Copies the directory and harms one file of its index; says how. */
function harm(model: string, directory: string, random: SimRandom): string {
  cpSync(model, directory, { recursive: true })
  const index = join(directory, 'index')
  const name = random.pick(readdirSync(index).filter((each) => /\d/.test(each)))
  const bytes = readFileSync(join(index, name))
  const at = random.int(bytes.length)
  if (random.int(4) === 0) {
    truncateSync(join(index, name), at)
    return `${name} cut at ${at}`
  }
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8))
  writeFileSync(join(index, name), bytes)
  return `${name} flipped at ${at}`
}

/** What became of each directory, in as many processes as it takes. */
function fatesOf(directories: readonly string[]): string[] {
  const fates: string[] = []
  while (fates.length < directories.length) {
    const rest = directories.slice(fates.length)
    const run = spawnSync(process.execPath, [PROGRAM, 'look', ...rest], { encoding: 'utf8' })
    fates.push(...run.stdout.split('\n').slice(0, -1))
    if (run.signal !== null) fates.push('aborted')
    else assert.equal(run.status, 0, run.stderr)
  }
  return fates
}

describe('a damaged LevelDB', () => {
  it('is refused or ends the database, or does no harm', () => {
    const root = mkdtempSync(join(tmpdir(), 'atoll-damage-'))
    const seed = `${process.pid}`
    const random = new SimRandom(seed)
    try {
      const model = join(root, 'model')
      const made = spawnSync(process.execPath, [PROGRAM, 'fill', model], { encoding: 'utf8' })
      assert.equal(made.status, 0, made.stderr)
      const directories = Array.from({ length: ROUNDS }, (_, round) => join(root, `${round}`))
      const harms = directories.map((directory) => harm(model, directory, random))
      const fates = fatesOf(directories)
      const quiet = fates.flatMap((fate, i) =>
        LOUD.includes(fate) || fate === 'unharmed' ? [] : [`${harms[i]}: ${fate}`],
      )
      assert.deepEqual(quiet, [], `seed ${seed}`)
      for (const fate of ['refused', 'ended']) assert.ok(fates.includes(fate), `seed ${seed}`)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})
