/** A watch of the store on real daemons, while the daemon that it is at is killed. */
import assert from 'node:assert/strict'
import type { KvEvent, NodeApi } from '../../src/node/api.ts'
import { type DaemonProcess, formThree, Machine, until } from './processes.ts'

describe('a watch of the store on real daemons', function () {
  this.timeout(90_000)
  const machine = new Machine()
  const names = ['one', 'two', 'three'] as const
  const [one, two, three] = names.map((name) => machine.daemon(name)) as [
    DaemonProcess,
    DaemonProcess,
    DaemonProcess,
  ]
  after(() => machine.end())

  before(() => formThree([one, two, three]))

  const events: KvEvent[] = []
  const tells = (key: string): boolean =>
    events.some((event) => 'key' in event && event.key === key)

  /** Until it is aborted, or its daemon is gone. */
  async function watch(node: NodeApi, signal: AbortSignal, after?: string): Promise<void> {
    const options = { signal, ...(after !== undefined && { after }) }
    for await (const event of node.kv.watch('k/', options)) events.push(event)
  }

  async function putMany(daemon: DaemonProcess, from: number, to: number): Promise<void> {
    await using node = await daemon.connect()
    for (let i = from; i < to; i++) await node.kv.put(`k/${i}`, i, { deadlineMs: 10_000 })
  }

  it('goes on at another daemon when its own is killed, and misses nothing', async () => {
    const abort = new AbortController()
    const first = await one.connect()
    const watching = watch(first, abort.signal).catch((error: unknown) => error)
    await until('it begins', async () => events[0]?.kind === 'begin')
    await putMany(two, 0, 100)
    await until('all are told', async () => tells('k/99'))
    const writing = putMany(two, 100, 200)
    await until('some are told', async () => tells('k/120'))
    await one.signal('SIGKILL')
    const error = await watching
    assert.equal((error as { code?: string }).code, 'UNREACHABLE')
    await first.close()
    await writing
    const { cursor } = events.at(-1) as KvEvent
    await using node = await three.connect()
    const again = watch(node, abort.signal, cursor)
    await putMany(two, 200, 210)
    await until('the last is told', async () => tells('k/209'))
    await until('all are told', async () =>
      Array.from({ length: 210 }, (_, i) => `k/${i}`).every(tells),
    )
    abort.abort()
    await again
    const kinds = new Set(events.map(({ kind }) => kind))
    assert.deepEqual([...kinds], ['begin', 'put'], 'and there was no gap')
    const last = new Map(events.flatMap((e) => ('value' in e ? [[e.key, e.value] as const] : [])))
    assert.ok([...last].every(([key, value]) => key === `k/${JSON.stringify(value)}`))
  })
})
