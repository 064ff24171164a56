/** What the store does with version vectors and records for each write and read. */
import { addWrite, joinRecords } from '../../../src/store/merge.ts'
import {
  decodeRecord,
  EMPTY_RECORD,
  encodeRecord,
  type Sibling,
  type StoreRecord,
} from '../../../src/store/record.ts'
import {
  EMPTY_CONTEXT,
  joinVectors,
  type VersionVector,
} from '../../../src/store/version-vector.ts'
import { choose } from '../harness/bench.ts'
import type { Section } from '../harness/section.ts'
import { timeCalls } from './timing.ts'

const ACTORS = [3, 30]
const VALUE = new Uint8Array(100)

export const recordsSection: Section = {
  name: 'records',
  title: 'Version vectors and records of 100 bytes',
  needs: [],
  systems: [],
  run: (bench, report) => {
    const calls = choose(bench, 50_000, 10_000)
    for (const count of ACTORS) {
      const setting = `written through ${count} disks`
      const actors = Array.from({ length: count }, (_, i) => `disk-${i}-abcdefghijklmnop`)
      const record = recordOf(actors)
      const other = addWrite(record, record.known, siblingOf(actors[0] ?? '', 500))
      const bytes = encodeRecord(record)
      const ahead = vectorOf(actors, 10)
      const behind = vectorOf(actors, 9)
      const time = (what: string, work: (i: number) => unknown) =>
        timeCalls(report, what, setting, calls, work)
      time('join vectors, one ahead', () => joinVectors(ahead, behind))
      time('join vectors, one behind', () => joinVectors(behind, ahead))
      time('add a write to a record', (i) =>
        addWrite(record, record.known, siblingOf(actors[0] ?? '', 1000 + i)),
      )
      time('join two records', () => joinRecords(record, other))
      time('encode a record', () => encodeRecord(record))
      time('decode a record', () => decodeRecord(bytes))
    }
    return Promise.resolve()
  },
}

function siblingOf(actor: string, n: number): Sibling {
  return {
    dot: { actor, n },
    stamp: 1_800_000_000_000 + n,
    expiresAtMs: 0,
    kind: 'text',
    value: VALUE,
  }
}

/** Written once through each, one after the other. */
function recordOf(actors: readonly string[]): StoreRecord {
  let record = EMPTY_RECORD
  for (const [i, actor] of actors.entries()) {
    record = addWrite(record, record.known, siblingOf(actor, i + 1))
  }
  return record === EMPTY_RECORD ? addWrite(record, EMPTY_CONTEXT, siblingOf('one', 1)) : record
}

function vectorOf(actors: readonly string[], n: number): VersionVector {
  return new Map(actors.map((actor) => [actor, n]))
}
