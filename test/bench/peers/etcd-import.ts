/** The same records into etcd as fast as it takes them: a hundred puts a transaction. */
import type { Bench } from '../harness/bench.ts'
import { pipelined } from '../harness/pipelined.ts'
import { usageOf } from '../harness/process-usage.ts'
import { figure, type Row } from '../harness/results.ts'
import { startEtcd } from './start-etcd.ts'

const PUTS_A_TRANSACTION = 100
/** More at once made it no faster here. */
const IN_FLIGHT = 8

/** What is used of the raw client of `etcd3`. */
interface RawClient {
  readonly kv: {
    txn(request: { readonly success: readonly object[] }): Promise<unknown>
  }
}

export async function importIntoEtcd(
  bench: Bench,
  records: ReadonlyMap<string, string>,
): Promise<Row> {
  const cluster = await startEtcd(bench)
  try {
    const client = await cluster.client()
    const { kv } = client as unknown as RawClient
    const puts = [...records].map(([key, value]) => ({
      request_put: { key: Buffer.from(key), value: Buffer.from(value) },
    }))
    const pids = cluster.members.map(({ pid }) => pid)
    const before = usageOf(pids)
    const started = performance.now()
    await pipelined(Math.ceil(puts.length / PUTS_A_TRANSACTION), IN_FLIGHT, (i) => {
      const first = i * PUTS_A_TRANSACTION
      return kv.txn({ success: puts.slice(first, first + PUTS_A_TRANSACTION) })
    })
    const seconds = (performance.now() - started) / 1000
    const { cpuMicros, rssBytes } = usageOf(pids)
    client.close()
    return {
      what: `etcd txn of ${PUTS_A_TRANSACTION} puts, ${pids.length} members`,
      setting: `${records.size} records`,
      figures: {
        time: figure('s', 'less', [seconds]),
        throughput: figure('/s', 'more', [records.size / seconds]),
        'server CPU': figure('µs/op', 'less', [(cpuMicros - before.cpuMicros) / records.size]),
        RSS: figure('MB', 'less', [rssBytes / 1e6]),
      },
    }
  } finally {
    await cluster.stop()
  }
}
