import assert from 'node:assert/strict'
import { linearTicks, logTicks, type Plot, svgOf } from './plot.ts'

const PLOT: Plot = {
  title: 'a < b & "c"',
  x: { label: 'in flight', scale: 'log' },
  y: { label: 'ms', scale: 'linear' },
  series: [
    {
      name: 'ours',
      points: [
        [1, 1],
        [16, 2],
        [256, 40],
      ],
    },
    {
      name: 'theirs',
      points: [
        [1, 3],
        [0, 5],
        [4, Number.NaN],
      ],
    },
  ],
  spans: [{ from: 2, to: 8, label: 'killed' }],
}

describe('bench plots', () => {
  it('are well-formed, and escape what they are given', () => {
    const svg = svgOf(PLOT)
    assert.match(svg, /^<svg xmlns/)
    assert.match(svg, /a &#60; b &#38; &#34;c&#34;/)
    const open: string[] = []
    for (const [, close, name, self] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
      if (close === '/') assert.equal(open.pop(), name)
      else if (self !== '/') open.push(name ?? '')
    }
    assert.deepEqual(open, [])
  })

  it('leave out what an axis cannot hold, and stay inside the frame', () => {
    const svg = svgOf(PLOT)
    assert.doesNotMatch(svg, /NaN|Infinity/)
    assert.equal(svg.match(/<circle/g)?.length, 4)
    for (const [, x, y] of svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)) {
      assert.ok(Number(x) >= 72 && Number(x) <= 560, `x ${x}`)
      assert.ok(Number(y) >= 40 && Number(y) <= 368, `y ${y}`)
    }
    assert.match(svg, /killed/)
  })

  it('can be empty', () => {
    for (const scale of ['linear', 'log'] as const) {
      const axis = { label: 'a', scale }
      assert.doesNotMatch(svgOf({ title: 't', x: axis, y: axis, series: [] }), /NaN|Infinity/)
    }
  })

  it('have round ticks around all values', () => {
    assert.deepEqual(linearTicks([3, 47]), [0, 10, 20, 30, 40, 50])
    assert.deepEqual(linearTicks([0.4]), [0, 0.1, 0.2, 0.3, 0.4])
    assert.deepEqual(linearTicks([]), [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert.deepEqual(logTicks([1, 256]), [1, 4, 16, 64, 256])
    assert.deepEqual(logTicks([3, 9]), [2, 4, 8, 16])
    assert.deepEqual(logTicks([5, 50_000]), [1, 10, 100, 1000, 10_000, 100_000])
  })
})
