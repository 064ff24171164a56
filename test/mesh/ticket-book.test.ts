import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import { AdmissionKey } from '../../src/mesh/admission-key.ts'
import { TicketBook } from '../../src/mesh/ticket-book.ts'
import type { Clock } from '../../src/seams/clock.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { MemoryDatabase } from './memory-database.ts'

class Desk {
  nowMs = 1_800_000_000_000
  readonly database = new MemoryDatabase()
  readonly random = new SimRandom('book')
  readonly key = AdmissionKey.generate(this.random)
  readonly clock: Clock = {
    monotonicMs: () => this.nowMs,
    wallMs: () => this.nowMs,
    after: () => ({ cancel: () => undefined }),
    soon: () => ({ cancel: () => undefined }),
  }
  book = this.open()

  open(): TicketBook {
    return new TicketBook('issuer', this.key, this.database, this.clock, this.random)
  }
}

const TERMS = { ttlMs: 3600_000, uses: 1, role: 'member' } as const

function refuses(pattern: RegExp): (error: unknown) => boolean {
  return (error) => isAtollError(error, 'TICKET_INVALID') && pattern.test(error.message)
}

describe('ticket book', () => {
  it('counts uses, and each peer once', async () => {
    const { book } = new Desk()
    const { grant } = await book.create({ ...TERMS, uses: 2 })
    await book.redeem(grant, 'a')
    await book.redeem(grant, 'a')
    await book.redeem(grant, 'b')
    await assert.rejects(book.redeem(grant, 'c'), refuses(/used 2 times/))
    await book.redeem(grant, 'b')
  })

  it('gives one use to one of many that come at once', async () => {
    const { book, database } = new Desk()
    const { grant } = await book.create(TERMS)
    database.held = true
    const peers = ['a', 'b', 'c', 'd']
    const asked = peers.map((peer) => book.redeem(grant, peer))
    setImmediate(() => database.sync())
    const results = await Promise.allSettled(asked)
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  })

  it('has counted durably before it says yes, also to one who asks again', async () => {
    const desk = new Desk()
    const { grant } = await desk.book.create(TERMS)
    desk.database.held = true
    let said = 0
    for (let i = 0; i < 2; i++) {
      desk.book.redeem(grant, 'a').then(
        () => said++,
        () => undefined,
      )
    }
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(said, 0, 'answered before the disk did')
    desk.database.sync()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(said, 2)
    desk.database.held = false
    desk.database.crash()
    await assert.rejects(desk.open().redeem(grant, 'b'), refuses(/used once/))
  })

  it('forgets with the disk what it never confirmed', async () => {
    const desk = new Desk()
    const { grant } = await desk.book.create(TERMS)
    desk.database.held = true
    void desk.book.redeem(grant, 'a')
    desk.database.crash()
    desk.database.held = false
    await desk.open().redeem(grant, 'b')
  })

  it('refuses what was revoked, what has expired, and what it never issued', async () => {
    const desk = new Desk()
    const { book } = desk
    const { grant } = await book.create(TERMS)
    assert.equal(await book.revoke(grant), true)
    assert.equal(await book.revoke(grant), false)
    assert.throws(() => book.checkRevoked(grant), refuses(/revoked/))
    await assert.rejects(book.redeem(grant, 'a'), refuses(/revoked/))
    const other = await book.create(TERMS)
    desk.nowMs += 3 * 3600_000
    await assert.rejects(book.redeem(other.grant, 'a'), refuses(/expired/))
    const stranger = { ...grant, ticketId: 'aaaaaaaaaaaaaaaaaaaaaaaaaa' }
    await assert.rejects(book.redeem(stranger, 'a'), refuses(/does not know it/))
  })

  it('remembers the revocation of a ticket that it did not issue', async () => {
    const { book } = new Desk()
    const { grant } = await new Desk().book.create({ ...TERMS, uses: 0 })
    const foreign = { ...grant, ticketId: 'bbbbbbbbbbbbbbbbbbbbbbbbbb' }
    book.checkRevoked(foreign)
    assert.equal(await book.revoke(foreign), true)
    assert.throws(() => book.checkRevoked(foreign), refuses(/revoked/))
  })

  it('holds a bounded number, and collects the expired', async () => {
    const desk = new Desk()
    for (let i = 0; i < 1024; i++) await desk.book.create(TERMS)
    await assert.rejects(desk.book.create(TERMS), (error) => isAtollError(error, 'BUSY'))
    desk.nowMs += 3 * 3600_000
    await desk.book.create(TERMS)
    let left = 0
    for await (const _ of desk.database.scan({ from: 'ticket/' })) left++
    assert.equal(left, 1)
  }).timeout(20_000)

  it('refuses terms that make no sense', async () => {
    const { book } = new Desk()
    for (const terms of [
      { ttlMs: 0 },
      { ttlMs: Number.NaN },
      { ttlMs: 1e15 },
      { uses: -1 },
      { uses: 1.5 },
      { uses: 1001 },
    ]) {
      const made = book.create({ ...TERMS, ...terms })
      await assert.rejects(made, (error) => isAtollError(error, 'USAGE'))
    }
  })
})
