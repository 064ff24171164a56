/** What members ask the roots, and what roots answer: given back, refused when wrong, bounded. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { idFromBytes } from '../../src/base/ids.ts'
import { TOPOLOGY_BYTES_MAX } from '../../src/topology/limits.ts'
import type { Move } from '../../src/topology/manual-move.ts'
import {
  decodeOutlook,
  encodeOutlook,
  type Outlook,
  outlookNumber,
} from '../../src/topology/outlook.ts'
import { planTopology } from '../../src/topology/planner.ts'
import {
  decodeMove,
  decodeNumber,
  decodeRemoval,
  decodeReport,
  encodeMove,
  encodeNumber,
  encodeRemoval,
  encodeReport,
  type Report,
} from '../../src/topology/requests.ts'
import { WireError, WireWriter } from '../../src/wire/codec.ts'
import { plain } from '../store/arbitrary.ts'
import { describeFormats, type Format, format } from '../wire/format.ts'
import { genesisOf, inputOf, memberOf, membersOf } from './members.ts'

const members = membersOf(6)
const first = genesisOf(members, { partitions: 16 })
const current = planTopology(inputOf(first, members)).next
assert.ok(current !== null)
const BY = memberOf('n0').id

const numbers = fc.maxSafeNat()
const partitions = fc.nat({ max: 65_535 })
const disks = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => idFromBytes(bytes))
const items = fc.array(plain({ partition: partitions, cfg: numbers }), { maxLength: 6 })

/** Of some partitions, some of their replicas in their order. */
const installed = fc
  .subarray(current.partitions.map((_, partition) => partition))
  .chain((chosen) =>
    fc
      .tuple(...chosen.map((i) => fc.subarray([...(current.partitions[i]?.replicas ?? [])])))
      .map(
        (replicas) =>
          new Map(chosen.map((partition, i) => [partition, replicas[i] ?? []] as const)),
      ),
  )

const outlooks = plain<Outlook>({
  current: fc.constant(current),
  next: fc.constantFrom(null, first, current),
  reasons: fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 16 }),
  installed,
  by: fc.constant(BY),
})

const FORMATS: readonly Format<unknown>[] = [
  format('report', plain<Report>({ installed: items, emptied: items }), encodeReport, decodeReport),
  format('removal', disks, encodeRemoval, decodeRemoval),
  format(
    'move',
    plain<Move>({ partition: partitions, from: disks, to: disks }),
    encodeMove,
    decodeMove,
  ),
  format('number', numbers, encodeNumber, decodeNumber),
  format('outlook', outlooks, encodeOutlook, (bytes) => decodeOutlook(bytes, current, BY)),
]

describeFormats('messages of the roots', FORMATS)

describe('limits of messages of the roots', () => {
  it('hold for a move', () => {
    const from = memberOf('n0').storageId
    const move: Move = { partition: 65_535, from, to: memberOf('n1').storageId }
    assert.deepEqual(decodeMove(encodeMove(move)), move)
    const wrong: readonly Partial<Move>[] = [
      { partition: 65_536 },
      { from: '' },
      { to: '' },
      { from: from.toUpperCase() },
      { to: `${from}a` },
      { to: 'a'.repeat(65) },
    ]
    for (const each of wrong) {
      const name = JSON.stringify(each)
      assert.throws(() => decodeMove(encodeMove({ ...move, ...each })), WireError, name)
    }
  })

  it('hold for a number', () => {
    assert.equal(decodeNumber(encodeNumber(Number.MAX_SAFE_INTEGER)), Number.MAX_SAFE_INTEGER)
    const over = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f)
    assert.throws(() => decodeNumber(over), WireError)
  })

  it('hold for an outlook', () => {
    const outlook: Outlook = {
      current,
      next: null,
      reasons: Array.from({ length: 16 }, () => 'r'.repeat(256)),
      installed: new Map(current.partitions.map(({ replicas }, i) => [i, replicas])),
      by: BY,
    }
    const decode = (bytes: Uint8Array) => decodeOutlook(bytes, current, BY)
    assert.deepEqual(decode(encodeOutlook(outlook)), outlook)
    assert.equal(outlookNumber(encodeOutlook(outlook)), current.number)
    const wrong: Readonly<Record<string, Outlook>> = {
      'another topology': { ...outlook, current: first },
      'a reason more': { ...outlook, reasons: [...outlook.reasons, 'r'] },
      'a longer reason': { ...outlook, reasons: ['r'.repeat(257)] },
      'a partition over all': { ...outlook, installed: new Map([[65_536, []]]) },
    }
    for (const [what, each] of Object.entries(wrong)) {
      assert.throws(() => decode(encodeOutlook(each)), WireError, what)
    }
    const said = (partition: number, bits: number, next: number) =>
      new WireWriter()
        .uint(current.number)
        .uint(0)
        .list([partition], (to) => void to.uint(partition).uint(bits))
        .bytes(new Uint8Array(next))
        .finish()
    const { length } = current.partitions[0]?.replicas ?? []
    assert.equal(decode(said(0, 2 ** length - 1, 0)).installed.get(0)?.length, length)
    assert.throws(() => decode(said(0, 2 ** length, 0)), WireError, 'more than it has replicas')
    assert.throws(() => decode(said(99, 1, 0)), WireError, 'a replica of no partition')
    assert.throws(() => decode(said(0, 0, TOPOLOGY_BYTES_MAX + 1)), WireError, 'a topology too big')
  })
})
