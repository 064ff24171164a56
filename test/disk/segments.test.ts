/** Segments that the index has made superfluous: how they go, and what is left of them by a crash. */
import assert from 'node:assert/strict'
import { AppendLog } from '../../src/disk/append-log.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { SimDisk } from '../sim/sim-storage.ts'
import { ManualClock } from './manual-clock.ts'

/** Segments of one record each: 1, 2, 3, 4, and an open one. */
async function segmented() {
  const clock = new ManualClock()
  const disk = new SimDisk(new SimRandom('segments'))
  const after = (delayMs: number, run: () => void): void => void clock.after(delayMs, run)
  const drive = async <T>(promise: Promise<T>): Promise<T> => {
    let settled = false
    const end = (): void => {
      settled = true
    }
    promise.then(end, end)
    while (!settled) await clock.advance(1)
    return promise
  }
  const storage = await disk.open('data', after)
  const log = await drive(AppendLog.open(storage, clock, 0, () => undefined))
  for (let i = 0; i < 4; i++) {
    await drive(log.append([{ key: `k${i}`, value: Uint8Array.of(i) }]))
    await drive(log.rotate())
  }
  const names = async (): Promise<string[]> => {
    const all = await drive(storage.list())
    return all.filter((name) => name.startsWith('log-')).sort()
  }
  return { clock, storage, log, names, drive }
}

describe('segments of the log', () => {
  it('that two removals want at once all go, and none is forgotten', async () => {
    const { log, names, drive } = await segmented()
    await drive(Promise.all([log.removeThrough(1), log.removeThrough(3)]))
    await drive(log.removeThrough(4))
    assert.equal(log.segments, (await names()).length)
    assert.equal(log.segments, 1)
  })

  it('that are all in the index are not read again, whatever is left of them', async () => {
    const { clock, storage, log, names, drive } = await segmented()
    await drive(log.close())
    const [, second = '', third = ''] = await names()
    await drive(storage.remove(second))
    const found: number[] = []
    const open = (applied: number): Promise<AppendLog> =>
      AppendLog.open(storage, clock, applied, ({ sequence }) => found.push(sequence))
    await assert.rejects(drive(open(1)), { code: 'DISK_DAMAGED' })
    assert.notEqual(third, '')
    const again = await drive(open(3))
    assert.deepEqual(found, [4])
    await drive(again.removeThrough(4))
    assert.equal((await names()).length, 1)
  })
})
