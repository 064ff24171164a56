/** Metrics of real daemons: served where they are told to, and what they say of real work. */
import assert from 'node:assert/strict'
import { Machine, until } from './processes.ts'

describe('metrics of real daemons', function () {
  this.timeout(60_000)
  const machine = new Machine()
  const one = machine.daemon('one')
  after(() => machine.end())

  const urlOf = (log: string): string => /"url":"(http:[^"]+)"/.exec(log)?.[1] ?? ''

  it('are served to collectors, those of libp2p among them', async () => {
    await using node = await one.start('--init', '--metrics', '127.0.0.1:0').connect()
    await until('running', async () => (await node.status()).state === 'running')
    await node.kv.put('color', 'blue')
    const response = await fetch(urlOf(one.log))
    assert.equal(response.status, 200)
    const text = await response.text()
    assert.match(text, /^atoll_store_operations_total\{operation="put",outcome="ok"\} 1$/m)
    assert.match(text, /^atoll_swim_members\{state="alive"\} 1$/m)
    assert.match(text, /^process_open_fds [1-9]\d+$/m)
    assert.match(text, /^libp2p_connection_manager_connections/m)
    // Each name once, or the collector takes none of it.
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
    assert.equal(new Set(names).size, names.length)
  })

  it('are printed by the command', async () => {
    const { out, status } = await machine.atoll('--socket', one.socket, 'metrics')
    assert.equal(status, 0)
    assert.match(out, /^atoll_rpc_call_seconds_count\{method="kv\.put"\} 1$/m)
  })

  it('keep a daemon from coming up when their port is taken, before its node is touched', async () => {
    const { host } = new URL(urlOf(one.log))
    const { status, err } = await machine.daemon('other').start('--metrics', host).ended()
    assert.equal(status, 1)
    assert.match(err, /^error ADDRESS_IN_USE: cannot serve metrics on .*: the port is taken/m)
    assert.doesNotMatch(err, /node\.started/)
  })

  it('are gone when the daemon is', async () => {
    const url = urlOf(one.log)
    assert.equal((await one.signal('SIGTERM')).status, 0)
    await assert.rejects(fetch(url))
  })
})
