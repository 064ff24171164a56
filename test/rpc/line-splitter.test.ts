/** Lines out of any pieces, within the bound however the pieces fall. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { LineSplitter } from '../../src/rpc/line-splitter.ts'

/** Everything that comes out when `bytes` arrive cut at the given places. */
function feed(bytes: Buffer, cuts: readonly number[], limit: number) {
  const splitter = new LineSplitter(limit)
  const lines: (string | null)[] = []
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  for (const [i, start] of [0, ...places].entries()) {
    const split = splitter.push(bytes.subarray(start, places[i] ?? bytes.length))
    lines.push(...split.lines)
    if (split.tooLong) return { lines, tooLong: true }
  }
  return { lines, tooLong: false }
}

describe('line splitter', () => {
  it('finds the same lines however they are cut', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 })
    const lines = fc.array(text.map((line) => line.toWellFormed().replaceAll('\n', '')))
    fc.assert(
      fc.property(lines, fc.array(fc.nat()), (given, cuts) => {
        const bytes = Buffer.from(given.map((line) => `${line}\n`).join(''))
        assert.deepEqual(feed(bytes, cuts, 1000), { lines: given, tooLong: false })
      }),
    )
  })

  it('refuses a line over the bound however it is cut, and takes one of the bound', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 5 })
    fc.assert(
      fc.property(cuts, fc.nat(20), (places, before) => {
        const head = 'a\n'.repeat(before)
        assert.ok(!feed(Buffer.from(`${head}${'x'.repeat(50)}\n`), places, 50).tooLong)
        assert.ok(feed(Buffer.from(`${head}${'x'.repeat(51)}\n`), places, 50).tooLong)
        assert.ok(feed(Buffer.from(`${head}${'x'.repeat(51)}`), places, 50).tooLong)
      }),
    )
  })

  it('names the line that is not UTF-8 and keeps the others', () => {
    const bytes = Buffer.concat([Buffer.from('a\n'), Buffer.of(0xff, 0x0a), Buffer.from('é\n')])
    assert.deepEqual(feed(bytes, [], 50).lines, ['a', null, 'é'])
    assert.deepEqual(feed(bytes, [3, 5], 50).lines, ['a', null, 'é'])
  })
})
