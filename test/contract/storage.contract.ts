/** What every storage promises; run on the system's and on the simulated one. */
import assert from 'node:assert/strict'
import type { Index, IndexRange, Storage } from '../../src/seams/storage.ts'

export interface Directory {
  /** Opens the same directory each time. */
  readonly open: () => Promise<Storage>
}

/** Runs the body with a fresh directory, where its operations go on. */
export type WithDirectory = (body: (directory: Directory) => Promise<void>) => Promise<void>

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (of: Uint8Array | null | undefined): string | null | undefined =>
  of && new TextDecoder().decode(of)

async function keysIn(index: Index, range: IndexRange): Promise<string[]> {
  const keys: string[] = []
  for await (const [key] of index.entries(range)) keys.push(key)
  return keys
}

export function storageContract(name: string, withDirectory: WithDirectory): void {
  const opened = (body: (storage: Storage) => Promise<void>): Promise<void> =>
    withDirectory(async ({ open }) => {
      const storage = await open()
      await body(storage)
      await storage.close()
    })
  const indexed = (body: (index: Index) => Promise<void>): Promise<void> =>
    opened(async (storage) => {
      const index = await storage.openIndex('index')
      await body(index)
      await index.close()
    })
  describe(`storage contract: ${name}`, () => {
    filesContract(opened)
    appendContract(opened, withDirectory)
    indexContract(indexed)
    lockContract(withDirectory)
  })
}

type Opened = (body: (storage: Storage) => Promise<void>) => Promise<void>

function filesContract(opened: Opened): void {
  it('a new directory is empty', () =>
    opened(async (storage) => {
      assert.deepEqual(await storage.list(), [])
      assert.equal(await storage.read('absent'), null)
      await storage.remove('absent')
    }))

  it('replaces a file whole, and keeps its own copy of the bytes', () =>
    opened(async (storage) => {
      const given = bytes('a long first version')
      await storage.replace('one', given)
      given.fill(0)
      assert.equal(text(await storage.read('one')), 'a long first version')
      await storage.replace('one', bytes('short'))
      const read = await storage.read('one')
      read?.fill(0)
      assert.equal(text(await storage.read('one')), 'short')
      await storage.replace('one', new Uint8Array())
      assert.equal((await storage.read('one'))?.length, 0)
    }))

  it('lists files, and neither the lock nor an index', () =>
    opened(async (storage) => {
      await storage.replace('b.2', bytes('x'))
      await (await storage.openAppend('a-1')).close()
      await (await storage.openIndex('index')).close()
      assert.deepEqual((await storage.list()).toSorted(), ['a-1', 'b.2'])
      await storage.remove('a-1')
      assert.deepEqual(await storage.list(), ['b.2'])
      assert.equal(await storage.read('a-1'), null)
    }))

  it('takes plain names alone', () =>
    opened(async (storage) => {
      for (const odd of ['', '../up', 'a/b', 'Upper', 'sp ace', 'nul\0', 'ümlaut']) {
        const refused = { code: 'INTERNAL' }
        await assert.rejects(storage.read(odd), refused, odd)
        await assert.rejects(storage.replace(odd, bytes('x')), refused, odd)
        await assert.rejects(storage.remove(odd), refused, odd)
        await assert.rejects(storage.openAppend(odd), refused, odd)
        await assert.rejects(async () => storage.openIndex(odd), refused, odd)
      }
      assert.deepEqual(await storage.list(), [])
    }))
}

function appendContract(opened: Opened, withDirectory: WithDirectory): void {
  it('appends at the end, whoever opened the file', () =>
    opened(async (storage) => {
      const file = await storage.openAppend('log')
      assert.equal(file.sizeBytes, 0)
      await file.append(bytes('one '))
      await file.append(new Uint8Array())
      await file.append(bytes('two '))
      assert.equal(file.sizeBytes, 8)
      assert.equal(text(await storage.read('log')), 'one two ')
      await file.sync()
      await file.close()
      const again = await storage.openAppend('log')
      assert.equal(again.sizeBytes, 8)
      await again.append(bytes('three'))
      await again.sync()
      assert.equal(text(await storage.read('log')), 'one two three')
      await again.close()
    }))

  it('keeps its own copy of what is appended', () =>
    opened(async (storage) => {
      const file = await storage.openAppend('log')
      const given = bytes('given')
      await file.append(given)
      given.fill(0)
      await file.sync()
      assert.equal(text(await storage.read('log')), 'given')
      await file.close()
    }))

  it('cuts a tail off and goes on where it cut', () =>
    opened(async (storage) => {
      const file = await storage.openAppend('log')
      await file.append(bytes('good bad'))
      await file.truncate(5)
      assert.equal(file.sizeBytes, 5)
      await file.append(bytes('end'))
      await file.sync()
      assert.equal(text(await storage.read('log')), 'good end')
      await file.close()
    }))

  it('a closed file takes no sync', () =>
    opened(async (storage) => {
      const file = await storage.openAppend('log')
      await file.append(bytes('x'))
      await file.close()
      await assert.rejects(file.sync(), { code: 'STORAGE_FAILED' })
    }))

  it('a sync that failed has failed for good', () =>
    opened(async (storage) => {
      const file = await storage.openAppend('log')
      await file.append(bytes('x'))
      await file.close()
      await assert.rejects(file.sync(), { code: 'STORAGE_FAILED', outcome: 'unknown' })
      await assert.rejects(file.append(bytes('y')), { code: 'STORAGE_FAILED' })
      await assert.rejects(file.sync(), { code: 'STORAGE_FAILED' })
    }))

  it('finds everything again after it was closed', () =>
    withDirectory(async ({ open }) => {
      const storage = await open()
      await storage.replace('file', bytes('whole'))
      const file = await storage.openAppend('log')
      await file.append(bytes('appended'))
      await file.sync()
      await file.close()
      const index = await storage.openIndex('index')
      await index.batch([{ key: 'k', value: bytes('v') }], { sync: true })
      await index.close()
      await storage.close()
      const again = await open()
      assert.equal(text(await again.read('file')), 'whole')
      assert.equal(text(await again.read('log')), 'appended')
      const reopened = await again.openIndex('index')
      assert.equal(text(reopened.get('k')), 'v')
      await reopened.close()
      await again.close()
    }))
}

function indexContract(indexed: (body: (index: Index) => Promise<void>) => Promise<void>): void {
  it('puts, replaces and deletes', () =>
    indexed(async (index) => {
      assert.equal(index.get('a'), undefined)
      await index.batch([{ key: 'a', value: bytes('1') }], { sync: false })
      assert.equal(text(index.get('a')), '1')
      const writes = [
        { key: 'a', value: bytes('2') },
        { key: 'b', value: new Uint8Array([0, 255, 0]) },
        { key: 'empty', value: new Uint8Array() },
        { key: 'absent', value: null },
      ]
      await index.batch(writes, { sync: true })
      assert.equal(text(index.get('a')), '2')
      assert.deepEqual([...(index.get('b') ?? [])], [0, 255, 0])
      assert.equal(index.get('empty')?.length, 0)
      await index.batch([{ key: 'a', value: null }], { sync: true })
      assert.equal(index.get('a'), undefined)
      await index.batch([], { sync: true })
    }))

  it('takes a batch in its order: the last write of a key counts', () =>
    indexed(async (index) => {
      const writes = ['1', null, '2', null, '3'].map((each) => ({
        key: 'a',
        value: each === null ? null : bytes(each),
      }))
      await index.batch(writes, { sync: false })
      assert.equal(text(index.get('a')), '3')
      await index.batch(writes.slice(0, -1), { sync: false })
      assert.equal(index.get('a'), undefined)
    }))

  it('shows a large batch as one step', () =>
    indexed(async (index) => {
      const writes = Array.from({ length: 1000 }, (_, i) => ({
        key: `k${String(i).padStart(4, '0')}`,
        value: bytes(`${i}`),
      }))
      const done = index.batch(writes, { sync: true })
      assert.equal(index.get('k0000'), undefined)
      await done
      assert.equal((await keysIn(index, { from: '' })).length, 1000)
    }))

  it('keeps keys in the order of their UTF-8 forms', () =>
    indexed(async (index) => {
      const keys = ['', '!', 'a', 'a\0', 'aa', 'b', '\u00e9', '\uffff', '\u{10000}', '\u{10ffff}']
      const writes = keys.toReversed().map((key) => ({ key, value: bytes(key) }))
      await index.batch(writes, { sync: false })
      assert.deepEqual(await keysIn(index, { from: '' }), keys)
      for (const key of keys) assert.equal(text(index.get(key)), key)
    }))

  it('gives a range from, inclusive, to, exclusive, and no more than its limit', () =>
    indexed(async (index) => {
      const writes = ['a', 'b', 'c', 'd'].map((key) => ({ key, value: bytes(key) }))
      await index.batch(writes, { sync: false })
      assert.deepEqual(await keysIn(index, { from: 'b', to: 'd' }), ['b', 'c'])
      assert.deepEqual(await keysIn(index, { from: 'bb' }), ['c', 'd'])
      assert.deepEqual(await keysIn(index, { from: 'a', limit: 2 }), ['a', 'b'])
      assert.deepEqual(await keysIn(index, { from: 'a', limit: 0 }), [])
      assert.deepEqual(await keysIn(index, { from: 'c', to: 'b' }), [])
      assert.deepEqual(await keysIn(index, { from: 'x' }), [])
    }))

  it('gives the entries as of the first step, however long it takes', () =>
    indexed(async (index) => {
      const put = (prefix: string, of: string) =>
        Array.from({ length: 600 }, (_, i) => ({ key: `${prefix}${i}`, value: bytes(of) }))
      await index.batch(put('k', 'old'), { sync: false })
      const iterator = index.entries({ from: 'k' })[Symbol.asyncIterator]()
      const first = iterator.next()
      await index.batch([...put('k', 'new'), ...put('l', 'new')], { sync: false })
      const found = [(await first).value as readonly [string, Uint8Array]]
      for (;;) {
        const { done, value } = await iterator.next()
        if (done === true) break
        found.push(value)
      }
      assert.equal(found.length, 600)
      assert.ok(found.every(([, value]) => text(value) === 'old'))
    }))

  it('may be left in the middle of a range', () =>
    indexed(async (index) => {
      await index.batch([{ key: 'a', value: bytes('1') }], { sync: false })
      await index.batch([{ key: 'b', value: bytes('2') }], { sync: false })
      for await (const [key] of index.entries({ from: '' })) {
        assert.equal(key, 'a')
        break
      }
    }))

  it('a closed index says so', () =>
    indexed(async (index) => {
      await index.close()
      assert.throws(() => index.get('a'), { code: 'STOPPED' })
      await assert.rejects(keysIn(index, { from: '' }), { code: 'STOPPED' })
      const write = [{ key: 'a', value: null }]
      await assert.rejects(index.batch(write, { sync: false }), { code: 'STOPPED' })
    }))
}

function lockContract(withDirectory: WithDirectory): void {
  it('belongs to one at a time', () =>
    withDirectory(async ({ open }) => {
      const storage = await open()
      await assert.rejects(open(), { code: 'DIR_LOCKED', message: /data directory "/ })
      // The one that was refused must not have broken the lock.
      await assert.rejects(open(), { code: 'DIR_LOCKED' })
      await storage.close()
      const next = await open()
      await assert.rejects(open(), { code: 'DIR_LOCKED' })
      await next.close()
    }))
}
