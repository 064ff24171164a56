/** Registers of three real daemons, by the commands that scripts use, while daemons are killed. */
import assert from 'node:assert/strict'
import { type DaemonProcess, formThree, Machine, until } from './processes.ts'

interface Failed {
  readonly error: { readonly code: string; readonly outcome: string; readonly version?: string }
}

describe('registers of real daemons', function () {
  this.timeout(90_000)
  const machine = new Machine()
  const names = ['one', 'two', 'three'] as const
  const [one, two, three] = names.map((name) => machine.daemon(name)) as [
    DaemonProcess,
    DaemonProcess,
    DaemonProcess,
  ]
  /** Of the change that a minority was asked for. */
  let outcome = ''
  after(() => machine.end())

  const at = (daemon: DaemonProcess, ...words: readonly string[]) =>
    machine.atoll('--socket', daemon.socket, 'reg', ...words, '-o', 'json')
  const parsed = <T>(text: string) => JSON.parse(text) as T

  async function version(daemon: DaemonProcess, ...words: readonly string[]): Promise<string> {
    const { status, out, err } = await at(daemon, ...words)
    assert.equal(status, 0, err)
    return parsed<{ version: string }>(out).version
  }

  async function value(daemon: DaemonProcess, key: string): Promise<unknown> {
    const { status, out, err } = await at(daemon, 'get', key)
    assert.equal(status, 0, err)
    return parsed<{ value: unknown }>(out).value
  }

  before(() => formThree([one, two, three]))

  it('what is set at one is read and compared at the others', async () => {
    const first = await version(one, 'set', 'cfg', 'v1')
    assert.equal(await value(two, 'cfg'), 'v1')
    const second = await version(three, 'cas', 'cfg', 'v2', '--if-version', first)
    assert.ok(second > first)
    const lost = await at(two, 'cas', 'cfg', 'v3', '--if-version', first)
    assert.equal(lost.status, 5)
    const { error } = parsed<Failed>(lost.err)
    assert.deepEqual(
      [error.code, error.outcome, error.version],
      ['CONFLICT', 'not-applied', second],
    )
    const human = await machine.atoll(
      '--socket',
      one.socket,
      'reg',
      'set',
      'cfg',
      'x',
      '--if-absent',
    )
    const said = `error CONFLICT: current version is ${second}; nothing was changed\n`
    assert.deepEqual([human.status, human.err], [5, said])
    assert.equal((await at(three, 'get', 'none')).status, 4)
    assert.equal(await value(one, 'cfg'), 'v2')
  })

  it('increments through all of them add up, and a named one happens once', async () => {
    const adding = [one, two, three].flatMap((daemon) =>
      ['2', '-1', '3'].map((by) => version(daemon, 'incr', 'n', by)),
    )
    assert.equal(new Set(await Promise.all(adding)).size, 9)
    assert.equal(await value(two, 'n'), 12)
    const named = ['incr', 'n', '--op-id', 'only-once']
    const versions = [await version(one, ...named), await version(three, ...named)]
    assert.equal(versions[0], versions[1])
    assert.equal(await value(two, 'n'), 13)
  })

  it('a watch at one sees what is set at another, and a list has it', async () => {
    await using node = await three.connect()
    const abort = new AbortController()
    const seen: unknown[] = []
    const watching = (async () => {
      for await (const event of node.reg.watch('w', { signal: abort.signal })) {
        seen.push(event.kind === 'absent' ? null : event.value)
      }
    })()
    await until('the register as it is', async () => seen.length === 1)
    await version(one, 'set', 'w', 'seen')
    await until('the change', async () => seen.at(-1) === 'seen')
    abort.abort()
    await watching
    const { out } = await at(two, 'ls', 'w')
    const { entries } = parsed<{ entries: { key: string; value: unknown }[] }>(out)
    assert.deepEqual(
      entries.map(({ key, value: listed }) => [key, listed]),
      [['w', 'seen']],
    )
  })

  it('explain shows what each replica holds', async () => {
    const set = await version(one, 'set', 'shown', 'v')
    await using node = await one.connect()
    await until('all three have it', async () => {
      const { register } = await node.explain('shown')
      return register.replicas.every((each) => each.version === set && each.accepted !== '')
    })
    const { register } = await node.explain('shown')
    assert.deepEqual([register.next, register.proposer], ['one-round', 'one'])
  })

  it('kill −9 of one of three: everything goes on', async () => {
    await three.signal('SIGKILL')
    const before = await version(one, 'set', 'cfg', 'v3', '--deadline', '10s')
    assert.equal(await value(two, 'cfg'), 'v3')
    assert.ok((await version(two, 'cas', 'cfg', 'v4', '--if-version', before)) > before)
    assert.equal(await value(one, 'cfg'), 'v4')
  })

  it('kill −9 of two: no answer is given that two could not give, and it says so in time', async () => {
    await two.signal('SIGKILL')
    await using node = await one.connect()
    const begun = performance.now()
    const set = await at(one, 'set', 'new', '1')
    const { error } = parsed<Failed>(set.err)
    assert.deepEqual([set.status, error.code], [6, 'NO_QUORUM'])
    // Unknown where it was sent before the death was noticed.
    assert.ok(['not-applied', 'unknown'].includes(error.outcome), error.outcome)
    outcome = error.outcome
    const get = await at(one, 'get', 'cfg')
    assert.deepEqual([get.status, parsed<Failed>(get.err).error.code], [6, 'NO_QUORUM'])
    assert.ok(performance.now() - begun < 15_000)
    assert.equal((await node.explain('new')).register.next, 'no-quorum')
    const { out } = await machine.atoll('--socket', one.socket, 'explain', 'new')
    assert.match(out, /^a change +NO_QUORUM/m)
  })

  it('recovers by itself when one of them is back, with all that was answered', async () => {
    two.start()
    await using node = await one.connect()
    const isBack = async () => {
      return await node.reg.get('cfg').then(
        () => true,
        () => false,
      )
    }
    await until('a majority', isBack, 30_000)
    assert.equal(await value(two, 'cfg'), 'v4')
    assert.equal(await value(one, 'n'), 13)
    const made = await at(one, 'get', 'new')
    const mayBe = outcome === 'unknown' ? [0, 4] : [4]
    assert.ok(mayBe.includes(made.status ?? -1), `${outcome}: ${made.out}${made.err}`)
    await version(two, 'set', 'new', '2')
    await using back = await three.start().connect()
    await until('three is up', async () => {
      return (await back.status().catch(() => null))?.members.alive === 3
    })
    assert.equal(await value(three, 'new'), '2')
  })

  it('a change whose outcome is unknown is asked for again by its name, and happened once', async () => {
    const before = Number((await value(one, 'n')) ?? 0)
    await version(one, 'incr', 'n')
    const since = await version(one, 'get', 'n')
    const named = ['incr', 'n', '100', '--op-id', 'paused', '--since', since]
    for (const daemon of [two, three]) daemon.tell('SIGSTOP')
    const paused = await at(one, ...named)
    for (const daemon of [two, three]) daemon.tell('SIGCONT')
    assert.equal(paused.status, 6)
    const { error } = parsed<Failed>(paused.err)
    assert.deepEqual([error.code, error.outcome], ['NO_QUORUM', 'unknown'])
    const { status, out, err } = await at(two, ...named, '--deadline', '20s')
    assert.equal(status, 0, err)
    assert.equal(parsed<{ value: number }>(out).value, before + 101)
    assert.equal(await value(three, 'n'), before + 101)
  })
})
