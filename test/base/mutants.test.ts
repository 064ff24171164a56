/** Rules of counting broken one at a time; the tests of metrics must notice each. */
import { describeMutants } from '../mutate.ts'

const SUITES = ['base/metrics.test']

describeMutants(
  'mutants of metrics',
  ['base'],
  [
    ['buckets do not add up', 'base/histogram.ts', 'below += this', 'below = this'],
    ['a value on a bound is above it', 'base/histogram.ts', 'value > (bounds', 'value >= (bounds'],
    ['what is above all bounds is lost', 'base/histogram.ts', 'bounds.length + 1', 'bounds.length'],
    [
      'a label may end a line',
      'base/prometheus-text.ts',
      "replaceAll('\\n', '\\\\n')",
      'toString()',
    ],
    ['a name is declared again', 'base/metrics.ts', '!this.#metrics.has(name)', 'true'],
    ['unknown is zero', 'base/metrics.ts', 'value === null ? []', 'value === null ? [[0]]'],
  ].map(([name = '', file = '', from = '', to = '']) => ({ name, file, from, to, suites: SUITES })),
)
