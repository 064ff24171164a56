/** Counting, declaring and the text that Prometheus reads. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AssertionError } from '../../src/base/assert.ts'
import { Histogram, LATENCY_SECONDS } from '../../src/base/histogram.ts'
import { Metrics } from '../../src/base/metrics.ts'
import { prometheusText } from '../../src/base/prometheus-text.ts'

describe('histogram', () => {
  it('puts a value on a bound into the bucket of that bound', () => {
    const histogram = new Histogram([1, 2, 4])
    for (const value of [0, 1, 1.5, 2, 3, 4, 5]) histogram.observe(value)
    assert.deepEqual(histogram.atMost(), [2, 4, 6])
    assert.equal(histogram.count, 7)
    assert.equal(histogram.sum, 16.5)
  })

  it('says for each bound how many were at most that, whatever came', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true })), (values) => {
        const histogram = new Histogram(LATENCY_SECONDS)
        for (const value of values) histogram.observe(value)
        const expected = LATENCY_SECONDS.map((le) => values.filter((value) => value <= le).length)
        assert.deepEqual(histogram.atMost(), expected)
        assert.equal(histogram.count, values.length)
      }),
    )
  })

  it('has at least one bound, and they ascend', () => {
    for (const bounds of [[], [1, 1], [2, 1], [Number.NaN]]) {
      assert.throws(() => new Histogram(bounds), AssertionError)
    }
  })
})

describe('metrics', () => {
  it('reads when asked, and not before', () => {
    const metrics = new Metrics()
    let reads = 0
    let count = 1
    metrics.counter('atoll_x_total', 'X.', () => {
      reads++
      return count
    })
    assert.equal(reads, 0)
    count = 7
    const [family] = metrics.collect()
    assert.deepEqual(family, {
      name: 'atoll_x_total',
      type: 'counter',
      help: 'X.',
      labels: [],
      samples: [{ labels: {}, value: 7 }],
    })
    assert.equal(reads, 1)
  })

  it('leaves out what is unknown, and keeps its name', () => {
    const metrics = new Metrics()
    metrics.gauge('atoll_x', 'X.', () => null)
    assert.deepEqual(metrics.collect()[0]?.samples, [])
    assert.equal(prometheusText(metrics.collect()), '# HELP atoll_x X.\n# TYPE atoll_x gauge\n')
  })

  it('refuses names that break the rules, and a name twice', () => {
    const metrics = new Metrics()
    metrics.gauge('atoll_x', 'X.', () => 1)
    const wrong = [
      () => metrics.gauge('atoll_x', 'X.', () => 1),
      () => metrics.gauge('atoll x', 'X.', () => 1),
      () => metrics.gauge('atoll_y_total', 'Y.', () => 1),
      () => metrics.counter('atoll_y', 'Y.', () => 1),
      () => metrics.gauges('atoll_z', 'Z.', ['le'], () => []),
      () => metrics.gauges('atoll_z', 'Z.', ['a-b'], () => []),
    ]
    for (const declare of wrong) assert.throws(declare, AssertionError)
  })

  it('does not mix labels up with others', () => {
    const metrics = new Metrics()
    metrics.gauges('atoll_x', 'X.', ['a', 'b'], () => [[1, 'one']])
    assert.throws(() => metrics.collect(), AssertionError)
  })
})

describe('prometheus text', () => {
  it('has buckets that add up, with the rest under +Inf', () => {
    const metrics = new Metrics()
    const histogram = new Histogram([0.5, 1])
    for (const value of [0.25, 0.75, 3]) histogram.observe(value)
    metrics.histograms('atoll_x_seconds', 'X.', ['method'], () => [[histogram, 'kv.put']])
    assert.equal(
      prometheusText(metrics.collect()),
      [
        '# HELP atoll_x_seconds X.',
        '# TYPE atoll_x_seconds histogram',
        'atoll_x_seconds_bucket{method="kv.put",le="0.5"} 1',
        'atoll_x_seconds_bucket{method="kv.put",le="1"} 2',
        'atoll_x_seconds_bucket{method="kv.put",le="+Inf"} 3',
        'atoll_x_seconds_sum{method="kv.put"} 4',
        'atoll_x_seconds_count{method="kv.put"} 3',
        '',
      ].join('\n'),
    )
  })

  it('escapes what would end a line or a label', () => {
    const metrics = new Metrics()
    metrics.gauges('atoll_x', 'a\\b\n"c"', ['l'], () => [[1, 'a\\b\n"c"']])
    assert.equal(
      prometheusText(metrics.collect()),
      '# HELP atoll_x a\\\\b\\n"c"\n# TYPE atoll_x gauge\natoll_x{l="a\\\\b\\n\\"c\\""} 1\n',
    )
  })

  it('writes numbers as Prometheus reads them', () => {
    const metrics = new Metrics()
    const numbers = [1e21, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    metrics.gauges('atoll_x', 'X.', ['i'], () => numbers.map((n, i) => [n, String(i)] as const))
    const lines = prometheusText(metrics.collect()).split('\n').slice(2, -1)
    const shown = lines.map((line) => line.split(' ')[1])
    assert.deepEqual(shown, ['1e+21', '1.5', 'NaN', '+Inf', '-Inf'])
  })
})
