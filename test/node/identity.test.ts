/** Who a data directory is, by what lies in it. */
import assert from 'node:assert/strict'
import { type Identity, openIdentity, renewIdentity } from '../../src/node/identity.ts'
import type { Random } from '../../src/seams/random.ts'
import type { Storage } from '../../src/seams/storage.ts'
import { WireWriter } from '../../src/wire/codec.ts'
import { MemoryDatabase } from '../mesh/memory-database.ts'

function directory() {
  const files = new Map<string, Uint8Array>()
  const storage = {
    read: (name: string) => Promise.resolve(files.get(name) ?? null),
    replace: (name: string, bytes: Uint8Array) => Promise.resolve(void files.set(name, bytes)),
  } as unknown as Storage
  let drawn = 0
  const random = {
    bytes: (length: number) => new Uint8Array(length).fill(++drawn),
    int: () => ++drawn,
  } as unknown as Random
  const database = new MemoryDatabase()
  const open = (claimed = true) => openIdentity(storage, database, random, claimed)
  const note = (value: Uint8Array) => database.commit([{ key: 'node/boot', value }])
  const renew = (old: Identity) => renewIdentity(storage, database, random, old)
  return { open, note, renew }
}

describe('the identity of a data directory', () => {
  it('lasts, and counts its starts with their runs', async () => {
    const { open } = directory()
    const first = await open(false)
    const second = await open()
    assert.deepEqual([second.peer, second.storageId], [first.peer, first.storageId])
    assert.deepEqual([first.boot, second.boot], [1, 2])
    assert.deepEqual(second.runs.slice(1), first.runs)
  })

  it('is another disk of the same peer when it is emptied, and goes on counting', async () => {
    const { open, renew } = directory()
    const first = await open(false)
    const second = await renew(first)
    const third = await open()
    assert.equal(second.peer, first.peer)
    assert.notEqual(second.storageId, first.storageId)
    assert.equal(third.storageId, second.storageId)
    assert.deepEqual([second.boot, third.boot], [2, 3])
    assert.deepEqual(third.runs.slice(1), second.runs)
  })

  it('is read where starts were counted without their runs', async () => {
    const { open, note } = directory()
    const first = await open(false)
    await note(new WireWriter().uint(7).finish())
    const later = await open()
    assert.deepEqual([later.storageId, later.boot], [first.storageId, 8])
    assert.equal(later.runs.length, 1)
  })

  it('is damaged where the counter is, or one of the two is gone', async () => {
    const { open, note } = directory()
    await open(false)
    for (const bytes of [[], [0x80], [7, 2, 1], [7, 0xff, 0xff, 3]]) {
      await note(new Uint8Array(bytes))
      await assert.rejects(open(), { code: 'DISK_DAMAGED' }, String(bytes))
    }
    const { open: openOther, note: noteOther } = directory()
    await noteOther(new Uint8Array([7]))
    await assert.rejects(openOther(), { code: 'DISK_DAMAGED' })
  })
})
