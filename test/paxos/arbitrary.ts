/** Ballots, registers and what is done to them, as chance has it. */
import fc from 'fast-check'
import { type Ballot, compareBallots, NO_BALLOT } from '../../src/paxos/ballot.ts'
import { RECENT_MAX } from '../../src/paxos/limits.ts'
import type { Operation } from '../../src/paxos/operation.ts'
import type { Change, Done, Register, Remembered } from '../../src/paxos/register.ts'

/** Objects as code makes them. */
export function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

export const numbers = fc.maxSafeNat()
export const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
export const integers = fc.maxSafeInteger().map((n) => (n === 0 ? 0 : n))
export const keys = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
export const blobs = fc.uint8Array({ maxLength: 40 })
export const disks = fc.constantFrom('disk-a', 'disk-b', 'disk-c')

/** Few numbers, so that equal ones meet. */
export const closeBallots: fc.Arbitrary<Ballot> = plain<Ballot>({
  cfg: fc.integer({ min: 1, max: 3 }),
  counter: fc.integer({ min: 1, max: 4 }),
  storageId: disks,
  boot: fc.integer({ min: 1, max: 2 }),
})

export const ballots: fc.Arbitrary<Ballot> = plain<Ballot>({
  cfg: numbers,
  counter: positive,
  storageId: disks,
  boot: numbers,
})

export const ballotsOrNone = fc.oneof(ballots, fc.constant(NO_BALLOT))

const reasons = fc.constantFrom('read', 'conflict', 'not-a-number', 'overflow')

export function donesFrom(first: number): fc.Arbitrary<Done> {
  return fc.oneof(
    plain<Done & { kind: 'kept' }>({ kind: fc.constant('kept'), reason: reasons }),
    plain<Done & { kind: 'changed' }>({
      kind: fc.constant('changed'),
      revision: fc.nat({ max: 70 }).map((n) => first + n),
      number: fc.option(integers),
    }),
  )
}

export const changes: fc.Arbitrary<Change> = fc
  .tuple(ballots, fc.nat({ max: 2 ** 50 }), fc.nat({ max: 64 }))
  .chain(([{ counter, storageId, boot }, first, count]) =>
    plain<Change>({
      tag: fc.constant({ counter, storageId, boot }),
      first: fc.constant(first),
      last: fc.constant(first + count - 1),
      operations: fc.array(
        plain<Remembered>({ id: fc.string({ maxLength: 20 }), done: donesFrom(first) }),
        { maxLength: 4 },
      ),
    }),
  )

export const registers: fc.Arbitrary<Register> = fc
  .array(changes, { maxLength: RECENT_MAX })
  .chain((recent) =>
    plain<Register>({
      kind: fc.constantFrom('absent', 'bytes', 'text', 'json'),
      value: blobs,
      revision: numbers,
      changes: fc.nat({ max: 100 }).map((n) => n + recent.length),
      born: numbers,
      recent: fc.constant(recent),
    }),
  )

const conditions = fc.option(plain({ revision: numbers }))

export const operations: fc.Arbitrary<Operation> = fc.oneof(
  plain<Operation & { kind: 'set' }>({
    kind: fc.constant('set'),
    condition: conditions,
    valueKind: fc.constantFrom('bytes', 'text', 'json'),
    value: blobs,
  }),
  plain<Operation & { kind: 'delete' }>({ kind: fc.constant('delete'), condition: conditions }),
  plain<Operation & { kind: 'add' }>({ kind: fc.constant('add'), by: integers }),
  fc.constantFrom<Operation>({ kind: 'read' }, { kind: 'touch' }),
)

/** A promise, and a vote that is not above it, or none. */
export const promisedAndAccepted: fc.Arbitrary<readonly [promised: Ballot, accepted: Ballot]> = fc
  .tuple(ballots, ballotsOrNone)
  .map(([a, b]) => (compareBallots(a, b) >= 0 ? [a, b] : [b, a]))
