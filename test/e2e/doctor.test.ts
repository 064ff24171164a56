/** Real daemons say how they are: what an operator or a monitor sees when something is wrong. */
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Diagnosis, Timeline } from '../../src/node/api.ts'
import { Machine, until } from './processes.ts'

/** What a machine that is busy with other tests may find at any time. */
const BUSY = ['event loop', 'fsync']

describe('real daemons say how they are', function () {
  this.timeout(60_000)
  const machine = new Machine()
  const one = machine.daemon('one')
  const two = machine.daemon('two')
  const three = machine.daemon('three')
  after(() => machine.end())

  const at = (socket: string, ...words: readonly string[]) =>
    machine.atoll('--socket', socket, ...words)
  const examined = async (): Promise<Diagnosis & { readonly status: number | null }> => {
    const { out, err, status } = await at(one.socket, 'doctor', '-o', 'json')
    assert.equal(err, '')
    return { ...(JSON.parse(out) as Diagnosis), status }
  }
  const bad = ({ findings }: Diagnosis): string =>
    findings
      .filter(({ severity, check }) => severity !== 'ok' && !BUSY.includes(check))
      .map(({ check, severity, seen, fix }) => `${severity} ${check}: ${seen}. ${fix}`)
      .join('\n')

  it('one daemon of no cluster: a warning, status 8', async () => {
    await using node = await one.start().connect()
    assert.equal((await node.status()).state, 'unclaimed')
    const { status, ...diagnosis } = await examined()
    assert.equal(status, 8)
    assert.match(bad(diagnosis), /^warn quorum: .*no cluster yet\. .*atoll init/)
  })

  it('three daemons: all is well, status 0', async () => {
    assert.equal((await at(one.socket, 'init')).status, 0)
    const { out } = await at(one.socket, 'ticket', 'create', '--uses', '2')
    const ticket = join(machine.root, 'ticket')
    writeFileSync(ticket, out)
    for (const daemon of [two, three]) daemon.start('--join', `@${ticket}`)
    await using node = await one.connect()
    await until('all store data', async () => (await node.status()).toleratesFailures === 1)
    await until('all is well', async () => bad(await examined()) === '')
    const { findings, asked, severity, status } = await examined()
    assert.equal(asked, 2)
    assert.equal(status, { ok: 0, warn: 8, fail: 1 }[severity])
    const checks = ['disk space', 'permissions', 'open files', 'fsync', 'clock', 'versions']
    for (const check of checks)
      assert.ok(
        findings.some((finding) => finding.check === check),
        check,
      )
  })

  it('permissions that let others in: a failure with its fix, status 1', async () => {
    chmodSync(one.data, 0o755)
    chmodSync(one.socket, 0o666)
    const { status, ...diagnosis } = await examined()
    assert.equal(status, 1)
    assert.ok(bad(diagnosis).includes(`0755: anybody may read the data. chmod 700 ${one.data}`))
    assert.ok(bad(diagnosis).includes(`may command this daemon. chmod 600 ${one.socket}`))
    chmodSync(one.data, 0o700)
    chmodSync(one.socket, 0o600)
  })

  it('a daemon that is stopped in mid-step does not answer, and is found at once', async () => {
    three.kill('SIGSTOP')
    const { status, tookMs, ...diagnosis } = await examined()
    three.kill('SIGCONT')
    assert.equal(status, 1)
    assert.ok(tookMs < 5000, `${tookMs}`)
    assert.match(
      bad({ ...diagnosis, tookMs }),
      /^fail reachability: three is \w+ but does not answer one/m,
    )
    const stalls = async (): Promise<string> => (await at(three.socket, 'debug', 'timeline')).out
    await until('it says so itself', async () => /stall.*stood still for/.test(await stalls()))
  })

  it('a daemon that is killed and comes back: the timeline of another tells it', async () => {
    await two.signal('SIGKILL')
    const events = async (): Promise<string[]> => {
      const { out } = await at(one.socket, 'debug', 'timeline', '--since', '1h', '-o', 'json')
      const { incidents } = JSON.parse(out) as Timeline
      return incidents.filter(({ subject }) => subject === 'two').map(({ event }) => event)
    }
    await until('it is dead', async () => (await events()).includes('member.dead'))
    two.start()
    await until('it is back', async () => (await events()).at(-1) === 'member.alive')
    const lines = (await at(one.socket, 'debug', 'timeline', '-o', 'jsonl')).out.trim().split('\n')
    for (const line of lines) assert.ok('event' in (JSON.parse(line) as object))
    await until('all is well', async () => bad(await examined()) === '')
  })

  it('the levels of the log change while it runs, and fall back', async () => {
    const traced = (): number =>
      [...one.log.matchAll(/"method":"status","outcome":"ok","tookMs":[\d.]+,"event":"rpc\.call"/g)]
        .length
    assert.equal(traced(), 0)
    assert.equal((await at(one.socket, 'debug', 'log', 'rpc=debug', '--for', '3s')).status, 0)
    await at(one.socket, 'status')
    await until('a line for the call', async () => traced() > 0)
    const raw = async (): Promise<string> => (await at(one.socket, 'debug', 'log', '-o', 'raw')).out
    await until('it falls back', async () => (await raw()) === 'info\n')
    const before = traced()
    await at(one.socket, 'status')
    assert.equal(traced(), before)
    const wrong = await at(one.socket, 'debug', 'log', 'swmi=debug')
    assert.equal(wrong.status, 2)
    assert.match(wrong.err, /^error USAGE: no log line comes from "swmi"/)
  })
})
