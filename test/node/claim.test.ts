/** What becomes of a directory whose cluster is left behind. */
import assert from 'node:assert/strict'
import { eraseClusterData, holdsClusterData } from '../../src/node/claim.ts'
import { CounterGuard } from '../../src/paxos/counter-guard.ts'
import { NO_BALLOT } from '../../src/paxos/ballot.ts'
import { PartitionStates, registerKey } from '../../src/paxos/partition-state.ts'
import { MemoryDatabase } from '../mesh/memory-database.ts'
import { ManualClock } from '../topology/manual-clock.ts'

describe('a directory that is emptied', () => {
  it('keeps no register, and no state of one: its configuration may have the same number', async () => {
    const state = { generation: 2, dataCfg: 7, installed: 7, floor: NO_BALLOT, counterMax: 9 }
    const database = new MemoryDatabase()
    const written = [
      { key: registerKey(3, 2, 'turn'), value: new Uint8Array([1]) },
      new PartitionStates(database, 'disk').write(3, state),
      ...new CounterGuard(database, new ManualClock()).note(5),
    ]
    for (const write of written) {
      await database.commit([write])
      assert.ok(await holdsClusterData(database), write.key)
      await eraseClusterData(database)
      assert.equal(database.get(write.key), undefined)
      assert.ok(!(await holdsClusterData(database)))
    }
  })

  it('keeps what is the disk’s own', async () => {
    const database = new MemoryDatabase()
    await database.commit([{ key: 'node/boot', value: new Uint8Array([1]) }])
    await eraseClusterData(database)
    assert.ok(database.get('node/boot') !== undefined)
  })
})
