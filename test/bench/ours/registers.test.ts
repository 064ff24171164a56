/** The work on registers, before there are any: on some in memory that answer a turn later. */
import assert from 'node:assert/strict'
import type { Bench } from '../harness/bench.ts'
import { pipelined } from '../harness/pipelined.ts'
import { SeededRandom } from '../harness/seeded-random.ts'
import { casLoop } from '../peers/cas-loop.ts'
import { type Registers, registerOffers } from './registers.ts'

class MemoryRegisters implements Registers {
  readonly versions = new Map<string, number>()
  refused = 0

  async set(key: string): Promise<void> {
    await turn()
    this.#change(key)
  }

  async get(key: string): Promise<{ version: string } | null> {
    await turn()
    const version = this.versions.get(key)
    return version === undefined ? null : { version: String(version) }
  }

  async cas(key: string, _value: string, { ifVersion }: { ifVersion: string }): Promise<void> {
    await turn()
    if (String(this.versions.get(key) ?? '') === ifVersion) return this.#change(key)
    this.refused++
    throw Object.assign(new Error('changed since'), { code: 'CONFLICT' })
  }

  async incr(key: string): Promise<void> {
    await this.set(key)
  }

  #change(key: string): void {
    this.versions.set(key, (this.versions.get(key) ?? 0) + 1)
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

describe('bench registers', () => {
  const bench = { random: new SeededRandom(1) } as unknown as Bench
  const all = new Set(['reg.set', 'reg.get', 'reg.cas', 'reg.incr'])

  it('are measured as far as the daemon has them', () => {
    const works = (names: ReadonlySet<string>) =>
      registerOffers(bench, new MemoryRegisters(), names).map(({ what }) => what)
    assert.deepEqual(works(new Set(['kv.put'])), [])
    assert.deepEqual(works(new Set(['reg.set'])), ['atoll reg set'])
    assert.equal(works(all).length, 4)
  })

  it('are changed once by each operation, however many rivals there are', async () => {
    const registers = new MemoryRegisters()
    for (const offer of registerOffers(bench, registers, all)) {
      const operation = await offer.prepare({ keys: 1, valueBytes: 10 })
      const changes = () => [...registers.versions.values()].reduce((sum, one) => sum + one, 0)
      const before = changes()
      await pipelined(50, 8, (i) => operation(i))
      assert.equal(changes() - before, offer.work === 'read' ? 0 : 50, offer.what)
    }
    assert.ok(registers.refused > 0)
  })

  it('give up on a key that is always lost', async () => {
    const store = { read: () => Promise.resolve(0), cas: () => Promise.resolve(false) }
    await assert.rejects(
      async () => await casLoop(store, () => 'hot', '')(0),
      /attempts at hot lost/,
    )
  })
})
