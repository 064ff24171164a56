/** A pipe whose reader has seen enough ends a watch at once, and not with the next event. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { CliRig } from './cli-rig.ts'

const ATOLL = new URL('../../bin/atoll.ts', import.meta.url).pathname

describe('the output of a watch', () => {
  let cli: CliRig
  beforeEach(async () => {
    cli = await CliRig.open()
    await cli.rig.node.reg.set('k', 'v')
  })
  afterEach(() => cli.close())

  /** Runs the words in a shell, with `$ATOLL` for the command. */
  async function shell(words: string): Promise<{ out: string; err: string }> {
    const env = { ...process.env, ...cli.env, ATOLL_SOCKET: cli.rig.path }
    const ATOLL_COMMAND = `"${process.execPath}" "${ATOLL}"`
    const child = spawn('sh', ['-c', words.replaceAll('$ATOLL', ATOLL_COMMAND)], { env })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    await once(child, 'close')
    return { out, err }
  }

  it('nobody reads any more: it ends at once with 0, without a word', async () => {
    const status = `${cli.dir}/status`
    const watch = `{ $ATOLL reg watch k -o jsonl; echo $? > ${status}; }`
    const { out, err } = await shell(`${watch} | head -n 1`)
    assert.deepEqual([out, err], ['{"kind":"value","key":"k","value":"v","version":"v1"}\n', ''])
    assert.equal(readFileSync(status, 'utf8'), '0\n')
  }).timeout(10_000)

  it('a reader that is slow, and one that takes over, are readers', async () => {
    cli.rig.node.reg.changes = Array.from({ length: 500 }, (_, i) => {
      return { kind: 'value', key: 'k', value: 'x'.repeat(100), version: `v${i + 2}` } as const
    })
    const reading = '{ head -n 1 > /dev/null; sleep 0.3; sed -n "/v501/{p;q}"; }'
    const { out, err } = await shell(`$ATOLL reg watch k -o jsonl | ${reading}`)
    assert.match(out, /"version":"v501"/)
    assert.equal(err, '')
  }).timeout(10_000)
})
