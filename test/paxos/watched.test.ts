/** What the readers of one key are shown, whatever the order of reads, changes and arrivals. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ABSENT, type Register } from '../../src/paxos/register.ts'
import { isBefore, type Point, pointOf, UNSEEN, versionAt } from '../../src/paxos/version.ts'
import { type Beginning, type Reader, Watched } from '../../src/paxos/watched.ts'

const value = (revision: number): Register => ({ ...ABSENT, kind: 'text', revision, changes: 1 })
const at = (revision: number, isGone = false): Point => ({ revision, isGone })
const taken = (reader: Reader): Point | null => reader.take()?.point ?? null

describe('a watched key', () => {
  it('is not gone because a read that began before the value found nothing', () => {
    const watched = new Watched()
    const reader = watched.enter(UNSEEN)
    watched.found(value(5), watched.begin())
    const early = watched.begin()
    watched.chosen(value(6))
    watched.found(ABSENT, early)
    assert.deepEqual([taken(reader), taken(reader)], [at(6), null])
    watched.found(ABSENT, watched.begin())
    assert.deepEqual([taken(reader), taken(reader)], [at(6, true), null])
  })

  it('shows a reader nothing before a read that began after it came', () => {
    const watched = new Watched()
    const first = watched.enter(UNSEEN)
    const early = watched.begin()
    const second = watched.enter(UNSEEN)
    watched.found(value(5), early)
    assert.deepEqual([taken(first), taken(second), watched.isSettled], [at(5), null, false])
    watched.chosen(value(6))
    assert.deepEqual([taken(first), taken(second), watched.isSettled], [at(6), null, false])
    watched.found(value(6), watched.begin())
    assert.deepEqual([taken(first), taken(second), watched.isSettled], [null, at(6), true])
  })

  it('waits for what is newer where the reader comes from a version that is not there yet', () => {
    const watched = new Watched()
    const reader = watched.enter(at(9))
    for (const revision of [5, 8, 9]) watched.found(value(revision), watched.begin())
    assert.equal(taken(reader), null)
    watched.chosen(value(10))
    assert.deepEqual(taken(reader), at(10))
  })

  it('is gone for each reader after what that one has seen, and once', () => {
    const watched = new Watched()
    const readers = [UNSEEN, at(3), at(5), at(5, true), at(7), at(7, true)].map((after) =>
      watched.enter(after),
    )
    watched.found(value(5), watched.begin())
    for (const reader of readers) taken(reader)
    watched.found(ABSENT, watched.begin())
    const shown = readers.map(taken)
    const [gone5, gone7] = [at(5, true), at(7, true)]
    assert.deepEqual(shown, [gone5, gone5, gone5, null, gone7, null])
    watched.found(ABSENT, watched.begin())
    assert.deepEqual(readers.map(taken), [null, null, null, null, null, null])
  })

  it('that was never there, or is known to be deleted, does not get lost once more', () => {
    const watched = new Watched()
    const reader = watched.enter(UNSEEN)
    watched.found(ABSENT, watched.begin())
    assert.deepEqual([taken(reader), taken(reader)], [at(0), null])
    watched.chosen({ ...value(4), kind: 'absent' })
    assert.deepEqual(taken(reader), at(4))
    watched.found(ABSENT, watched.begin())
    assert.equal(taken(reader), null)
    assert.equal(watched.hint(0), false)
  })

  it('shows each reader points that only grow, and in the end the last', () => {
    const step = fc.oneof(
      fc.constant('change' as const),
      fc.constant('forget' as const),
      fc.constant('begin' as const),
      fc.constant('find' as const),
      fc.constant('hear' as const),
      fc.constant('come' as const),
      fc.constant('take' as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const watched = new Watched()
        // The register itself: what a read finds, and all that was ever chosen.
        let now: Register = ABSENT
        let counter = 0
        const chosen: Register[] = []
        const reads: { found: Register; beginning: Beginning }[] = []
        const readers: { reader: Reader; seen: Point }[] = []
        const take = (): void => {
          for (const each of readers) {
            const shown = each.reader.take()
            if (shown === null) continue
            assert.ok(isBefore(each.seen, shown.point))
            each.seen = shown.point
          }
        }
        const find = (): void => {
          const read = reads.pop()
          if (read !== undefined) watched.found(read.found, read.beginning)
        }
        for (const each of steps) {
          if (each === 'change') chosen.push((now = value((counter += 2))))
          if (each === 'forget' && now !== ABSENT) {
            counter++
            now = ABSENT
          }
          if (each === 'begin' && reads.length === 0) {
            reads.push({ found: now, beginning: watched.begin() })
          }
          if (each === 'find') find()
          if (each === 'hear') watched.chosen(chosen.at(-1) ?? ABSENT)
          if (each === 'come') readers.push({ reader: watched.enter(UNSEEN), seen: UNSEEN })
          if (each === 'take') take()
        }
        find()
        watched.found(now, watched.begin())
        take()
        for (const { seen } of readers) {
          if (now !== ABSENT) assert.deepEqual(seen, at(now.revision))
          else assert.ok(seen.isGone || seen.revision === 0)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('versions of points', () => {
  it('are given back as they were, and are in the order of the points as text', () => {
    const points = [at(0), at(1), at(1, true), at(35), at(36), at(2 ** 53 - 1, true)]
    assert.deepEqual(
      points.map((point) => pointOf(versionAt(point))),
      points,
    )
    const versions = points.map(versionAt)
    assert.deepEqual(versions, versions.toSorted())
    for (const text of ['', '-', '1--', '1-x', 'A', 'z'.repeat(11), '0'.repeat(12)]) {
      assert.throws(() => pointOf(text), { code: 'USAGE' }, text)
    }
  })
})
