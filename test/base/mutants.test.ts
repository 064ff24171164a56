/** Rules of counting and of hybrid time broken one at a time; their tests must notice each. */
import { describeMutants } from '../mutate.ts'

const SUITES = ['base/metrics.test']

describeMutants(
  'mutants of metrics',
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

describeMutants(
  'mutants of hybrid time',
  [
    ['a counter twice', 'counter-source.ts', 'if (from <= counter && counter <= to)', 'if (false)'],
    [
      'what was jumped over is forgotten',
      'counter-source.ts',
      'joined([...this.#given, {',
      'joined([{',
    ],
    [
      'it goes back below what it had to exceed',
      'counter-source.ts',
      ': Math.max(this.#last, floor)',
      ': this.#last',
    ],
    ['a clock that was wild is never got over', 'counter-source.ts', '#last > limit', '#last < 0'],
    ['it goes back on its own clock’s word', 'counter-source.ts', '#last > limit', '#last > 0'],
    ['jumps are kept for ever', 'counter-source.ts', 'this.#jumps.length > JUMPS_MAX', 'false'],
    ['a clock that was never set is a measure', 'hybrid-time.ts', '>= SET_CLOCK_MS', '>= 0'],
    ['numbers go on after their end', 'hybrid-time.ts', 'Number.isSafeInteger(number)', 'true'],
    ['what was seen is no measure', 'hybrid-time.ts', 'seen + SKEW_MAX', '0 * seen'],
  ].map(([name = '', file = '', from = '', to = '']) => ({
    name,
    file: `base/${file}`,
    from,
    to,
    suites: ['base/hybrid-time.test'],
  })),
)

describeMutants(
  'mutants of values',
  [
    ['JSON of any depth is read', 'VALUE_DEPTH_MAX, text.length) !== null', '1e9, 1e9) !== null'],
    ['the array of the program is stored', 'new Uint8Array(value)', 'value'],
    ['what is no JSON is stored as what JSON makes of it', '  checkJson(value)\n', ''],
  ].map(([name = '', from = '', to = '']) => {
    const tests = /deeper|afterwards|give them back/
    return { name, file: 'base/value.ts', from, to, suites: ['base/value.test'], tests }
  }),
)
