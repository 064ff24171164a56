/** `kv import` itself: where it goes on, and what is no input of the kind that was named. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { AtollError, isAtollError } from '../../../src/base/errors.ts'
import { importFile, type ImportOptions } from '../../../src/cli/import/kv-import.ts'
import { Output } from '../../../src/cli/output.ts'
import { CliRig } from '../cli-rig.ts'

const LINES = [
  '{"key":"one","value":"1"}',
  '{"key":"two","value":"2"}',
  '{"key":"three","value":"3"}',
]
/** Of the loop: answers of the node come back in fewer. */
const TURNS = 500

/** Imports against a fake node, and what they say. */
class Importing {
  readonly cli: CliRig
  said = ''

  private constructor(cli: CliRig) {
    this.cli = cli
  }

  static async with(run: (importing: Importing) => Promise<void>): Promise<void> {
    const importing = new Importing(await CliRig.open())
    try {
      await run(importing)
    } finally {
      await importing.cli.close()
    }
  }

  get values(): ReadonlyMap<string, unknown> {
    return this.cli.rig.node.values
  }

  written(text: string): string {
    const file = join(this.cli.dir, 'input')
    writeFileSync(file, text)
    return file
  }

  run(file: string, options: Partial<ImportOptions> = {}): Promise<void> {
    const say = (data: string | Uint8Array): void => {
      this.said += String(data)
    }
    const streams = {
      out: say,
      err: say,
      drained: () => Promise.resolve(),
      unread: () => this.cli.unread.signal,
      outIsTerminal: false,
      errIsTerminal: false,
      columns: 80,
    }
    const context = {
      output: new Output('human', streams, true),
      env: this.cli.env,
      options: { socket: this.cli.rig.path },
      program: 'atoll',
      atolld: '/nonexistent',
      interrupted: () => this.cli.interrupt.signal,
    }
    return importFile(context, file, { resumeFrom: 1, inFlight: 8, ...options })
  }

  /** Interrupted a while after `until`, while a pipe has nothing more to say; what that says. */
  async interrupted(
    options: Partial<ImportOptions>,
    until: () => boolean,
    text = `${LINES.join('\n')}\n`,
  ) {
    const pipe = join(this.cli.dir, 'pipe')
    execFileSync('mkfifo', [pipe])
    const end = openSync(pipe, 'r+')
    try {
      writeSync(end, text)
      const running = this.run(pipe, options).catch((error: unknown) => error)
      const deadlineMs = performance.now() + 5000
      for (let turns = 0; turns < TURNS; turns += until() ? 1 : 0) {
        assert.ok(performance.now() < deadlineMs, 'the lines are read')
        await new Promise(setImmediate)
      }
      this.cli.interrupt.abort()
      const late = new Promise((resolve) => setTimeout(resolve, 2000, 'it waits for more').unref())
      const error = await Promise.race([running, late])
      assert.ok(isAtollError(error, 'CANCELLED'), String(error))
      return error
    } finally {
      closeSync(end)
    }
  }
}

describe('kv import', () => {
  it('that is interrupted while its input waits ends, and goes on behind what is stored', () =>
    Importing.with(async (importing) => {
      const isStored = () => importing.values.size === LINES.length
      const error = await importing.interrupted({}, isStored)
      assert.deepEqual([error.outcome, error.hint], ['applied', 'continue with --resume-from 4'])
    }))

  it('that is interrupted before it comes to where it goes on still begins there', () =>
    Importing.with(async (importing) => {
      const error = await importing.interrupted({ resumeFrom: 20 }, () => true)
      const hint = 'continue with --resume-from 20'
      assert.deepEqual([error.outcome, error.hint], ['not-applied', hint])
      assert.equal(importing.values.size, 0)
    }))

  it('begins with a first short line, while its input stays open', () =>
    Importing.with(async (importing) => {
      const isStored = () => importing.values.size === 1
      const error = await importing.interrupted({}, isStored, '{"key":"a","value":1}\n')
      assert.equal(error.hint, 'continue with --resume-from 2')
    }))

  it('that is to go on beyond the end of its input says so', () =>
    Importing.with(async (importing) => {
      const file = importing.written(LINES.join('\n'))
      const error = await importing.run(file, { resumeFrom: 5 }).catch((each: unknown) => each)
      assert.ok(isAtollError(error, 'USAGE'), String(error))
      assert.match(error.message, /--resume-from 5 is beyond the end.*no line after 3$/)
      const none = importing.written('')
      const empty = await importing.run(none, { resumeFrom: 2 }).catch((each: unknown) => each)
      assert.match(String(empty), /the input has no line$/)
      await importing.run(importing.written(LINES.join('\n')), { resumeFrom: 4 })
      assert.match(importing.said, /imported 0/)
    }))

  it('of unknown outcome is made again of a value, and not of a counter', () =>
    Importing.with(async (importing) => {
      const { kv } = importing.cli.rig.node
      const put = kv.put
      const asked: string[] = []
      kv.put = (key, ...rest) => {
        asked.push(key)
        if (asked.length === 3) return put(key, ...rest)
        throw new AtollError('NO_QUORUM', 'too few answered', { outcome: 'unknown' })
      }
      const counter = '{"key":"count","value":5,"type":"counter"}'
      const file = importing.written(`${LINES[0]}\n${counter}`)
      const error = await importing.run(file, { inFlight: 1 }).catch((each: unknown) => each)
      assert.ok(isAtollError(error, 'NO_QUORUM'), String(error))
      assert.match(error.hint ?? '', /--resume-from 2/)
      assert.deepEqual(asked, ['one', 'one', 'one', 'count'])
    }))

  it('takes nothing for an answer of etcd that is none', () =>
    Importing.with(async (importing) => {
      const lines = LINES.join('\n')
      const file = importing.written(`{"kvs":[],"header":1}    \n${lines}`)
      const error = await importing.run(file, { from: 'etcd' }).catch((each: unknown) => each)
      assert.ok(isAtollError(error, 'USAGE'), String(error))
      assert.match(error.message, /no answer of etcd begins at byte 26/)
      await importing.run(importing.written('{"header":{}}\n{"kvs":[]}'), { from: 'etcd' })
      assert.match(importing.said, /imported 0/)
    }))

  it('refuses a database of what has none', () =>
    Importing.with(async (importing) => {
      for (const options of [{ db: 0, from: 'atoll' }, { db: 0 }] as const) {
        const file = importing.written(LINES.join('\n'))
        const error = await importing.run(file, options).catch((each: unknown) => each)
        assert.ok(isAtollError(error, 'USAGE'), String(error))
        assert.match(error.message, /--db chooses/)
      }
      assert.equal(importing.values.size, 0)
    }))
})
