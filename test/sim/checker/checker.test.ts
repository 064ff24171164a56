import assert from 'node:assert/strict'
import fc from 'fast-check'
import { HistoryRecorder, type Operation, operationsOf } from './history.ts'
import { casRegister, checkLinearizable, lock } from './linearizable.ts'
import { checkMonotone } from './monotone.ts'
import { checkSiblings } from './siblings.ts'
import { checkRegister } from './zones.ts'

function op(
  f: Operation['f'],
  value: unknown,
  start: number,
  end: number,
  outcome: Operation['outcome'] = 'ok',
): Operation {
  const realEnd = outcome === 'info' ? Number.POSITIVE_INFINITY : end
  return { process: 0, f, key: 'k', value, node: 'n0', outcome, start, end: realEnd }
}

describe('history', () => {
  it('pairs calls with their ends, at distinct times; one without an end is unknown', () => {
    let nowUs = 5
    const recorder = new HistoryRecorder(() => nowUs)
    const call = { key: 'k', node: 'n1' }
    recorder.invoke({ ...call, process: 1, f: 'write', value: 'a' })
    recorder.invoke({ ...call, process: 2, f: 'read', value: null })
    recorder.invoke({ ...call, process: 3, f: 'write', value: 'b' })
    nowUs = 9
    recorder.finish(2, 'ok', 'a')
    recorder.finish(1, 'info')
    assert.throws(() => recorder.invoke({ ...call, process: 1, f: 'write', value: 'c' }))
    const times = recorder.lines.map(({ t }) => t)
    assert.deepEqual(times, [5000, 5001, 5002, 9000, 9001])
    const operations = operationsOf(recorder.lines)
    assert.deepEqual(
      operations.map(({ f, value, outcome, end }) => [f, value, outcome, end]),
      [
        ['write', 'a', 'info', Number.POSITIVE_INFINITY],
        ['read', 'a', 'ok', 9000],
        ['write', 'b', 'info', Number.POSITIVE_INFINITY],
      ],
    )
  })
})

describe('zones (Gibbons–Korach)', () => {
  const cases: [string, 'valid' | 'invalid', Operation[]][] = [
    ['reads after writes', 'valid', [op('write', 1, 0, 1), op('read', 1, 2, 3)]],
    ['the initial value first', 'valid', [op('read', null, 0, 1), op('write', 1, 2, 3)]],
    ['a stale read', 'invalid', [op('write', 1, 0, 1), op('write', 2, 2, 3), op('read', 1, 4, 5)]],
    ['the initial value again', 'invalid', [op('write', 1, 0, 1), op('read', null, 2, 3)]],
    [
      'new, then old, during a write',
      'invalid',
      [op('write', 1, 0, 1), op('write', 2, 2, 10), op('read', 2, 3, 4), op('read', 1, 5, 6)],
    ],
    [
      'old, then new, during a write',
      'valid',
      [op('write', 1, 0, 1), op('write', 2, 2, 10), op('read', 1, 3, 4), op('read', 2, 5, 6)],
    ],
    ['read from nowhere', 'invalid', [op('read', 9, 0, 1)]],
    ['read before written', 'invalid', [op('read', 1, 0, 1), op('write', 1, 2, 3)]],
    ['read of a failed write', 'invalid', [op('write', 1, 0, 1, 'fail'), op('read', 1, 2, 3)]],
    [
      'an unknown write that shows late',
      'valid',
      [op('write', 1, 0, 1, 'info'), op('read', 1, 99, 100)],
    ],
    [
      'an unknown write that shows and goes',
      'invalid',
      [op('write', 1, 0, 1, 'info'), op('read', 1, 2, 3), op('read', null, 4, 5)],
    ],
    [
      'an unknown write that never shows',
      'valid',
      [op('write', 1, 0, 1, 'info'), op('read', null, 2, 3)],
    ],
    [
      'a write hidden inside a steady value',
      'invalid',
      [op('write', 1, 0, 1), op('write', 2, 3, 4), op('read', 1, 6, 7)],
    ],
  ]
  for (const [name, expected, operations] of cases) {
    it(name, () => {
      assert.equal(checkRegister(operations).kind, expected)
      assert.equal(checkLinearizable(operations, casRegister).kind, expected, 'both checkers')
    })
  }

  it('agrees with the exhaustive search on random histories', () => {
    const seed = Number(process.env['SEED'] ?? 20301)
    const operation = fc.record({
      f: fc.constantFrom('read' as const, 'write' as const),
      pick: fc.nat(3),
      start: fc.nat(30),
      length: fc.integer({ min: 1, max: 12 }),
      outcome: fc.constantFrom('ok' as const, 'ok' as const, 'info' as const, 'fail' as const),
    })
    const seen = { valid: 0, invalid: 0, unknown: 0 }
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 8 }), (items) => {
        const operations = items.map(({ f, pick, start, length, outcome }, i) => {
          // Distinct times, as the recorder gives them; reads pick some write's value, or none.
          const value = f === 'write' ? i : items.length > pick ? pick : null
          const readValue = items[pick]?.f === 'write' ? pick : null
          const distinct = (time: number, half: number): number => time + (2 * i + half) / 100
          const end = distinct(start + length, 1)
          return op(f, f === 'write' ? value : readValue, distinct(start, 0), end, outcome)
        })
        const verdict = checkRegister(operations).kind
        seen[verdict]++
        assert.equal(verdict, checkLinearizable(operations, casRegister).kind)
      }),
      { numRuns: 3000, seed },
    )
    assert.ok(seen.valid > 200 && seen.invalid > 200, `one-sided: ${JSON.stringify(seen)}`)
  })
})

describe('linearizable (Wing–Gong–Lowe)', () => {
  const cases: [string, 'valid' | 'invalid', Operation[]][] = [
    [
      'a chain of cas',
      'valid',
      [op('write', 1, 0, 1), op('cas', [1, 2], 2, 3), op('read', 2, 4, 5)],
    ],
    ['two cas from one value', 'invalid', [op('cas', [null, 1], 0, 9), op('cas', [null, 2], 1, 8)]],
    [
      'an unknown cas explains the value',
      'valid',
      [op('cas', [null, 1], 0, 1, 'info'), op('cas', [1, 2], 5, 6), op('read', 2, 7, 8)],
    ],
    [
      'a failed cas explains nothing',
      'invalid',
      [op('cas', [null, 1], 0, 1, 'fail'), op('read', 1, 2, 3)],
    ],
    [
      'a lost update',
      'invalid',
      [op('cas', [null, 1], 0, 1), op('cas', [1, 2], 2, 3), op('cas', [1, 3], 4, 5)],
    ],
  ]
  for (const [name, expected, operations] of cases) {
    it(name, () => assert.equal(checkLinearizable(operations, casRegister).kind, expected))
  }

  it('lets one hold a lock at a time', () => {
    const good = [op('acquire', 'a', 0, 1), op('release', 'a', 2, 5), op('acquire', 'b', 3, 6)]
    const bad = [op('acquire', 'a', 0, 1), op('acquire', 'b', 2, 3), op('release', 'a', 4, 5)]
    const unknown = [
      op('acquire', 'a', 0, 1),
      op('release', 'a', 2, 3, 'info'),
      op('acquire', 'b', 9, 10),
    ]
    assert.equal(checkLinearizable(good, lock).kind, 'valid')
    assert.equal(checkLinearizable(bad, lock).kind, 'invalid')
    assert.equal(checkLinearizable(unknown, lock).kind, 'valid')
  })

  it('says unknown, never valid, when it gives up', () => {
    const many = Array.from({ length: 501 }, (_, i) => op('write', i, 2 * i, 2 * i + 1))
    assert.equal(checkLinearizable(many, casRegister).kind, 'unknown')
    const tangled = Array.from({ length: 30 }, (_, i) => op('write', i, i, 1000 + i))
    const impossible = [...tangled, op('read', 'none', 2000, 2001)]
    assert.equal(checkLinearizable(impossible, casRegister, 10_000).kind, 'unknown')
  })

  it('is quick on hundreds of operations by a few clients', () => {
    const operations = Array.from({ length: 400 }, (_, i) =>
      i % 5 === 4 ? op('read', i - 1, 10 * i, 10 * i + 25) : op('write', i, 10 * i, 10 * i + 25),
    )
    assert.equal(checkLinearizable(operations, casRegister).kind, 'valid')
  })

  it('is not lost in operations of unknown outcome that nothing shows', () => {
    const unknown = Array.from({ length: 80 }, (_, i) =>
      i % 3 === 0 ? op('write', `v${i}`, i, 0, 'info') : op('read', null, i, 0, 'info'),
    )
    const verdictOf = (value: string | null): string =>
      checkLinearizable([...unknown, op('read', value, 100, 101)], casRegister).kind
    assert.equal(verdictOf(null), 'valid')
    assert.equal(verdictOf('v3'), 'valid')
  })
})

describe('monotone', () => {
  const item = (version: number, start: number, end: number, made = true) => ({
    version,
    start,
    end,
    made,
  })
  it('accepts growth, concurrency, and reading a version again', () => {
    const good = [
      item(1, 0, 1),
      item(3, 2, 9),
      item(2, 3, 8),
      item(3, 10, 11, false),
      item(4, 12, 13),
    ]
    assert.equal(checkMonotone(good).kind, 'valid')
  })
  it('rejects going back, standing still, and giving out twice', () => {
    assert.equal(checkMonotone([item(2, 0, 1), item(1, 2, 3)]).kind, 'invalid')
    assert.equal(checkMonotone([item(2, 0, 1), item(1, 2, 3, false)]).kind, 'invalid')
    assert.equal(checkMonotone([item(2, 0, 5), item(2, 1, 4)]).kind, 'invalid')
  })
})

describe('siblings', () => {
  const read = (values: unknown[], start: number, end: number) => op('read', values, start, end)
  const cases: [string, 'valid' | 'invalid', Operation[]][] = [
    ['reads what was acknowledged', 'valid', [op('write', 'a', 0, 1), read(['a'], 2, 3)]],
    ['loses it', 'invalid', [op('write', 'a', 0, 1), read([], 2, 3)]],
    [
      'replaced by a later one',
      'valid',
      [op('write', 'a', 0, 1), op('write', 'b', 2, 3), read(['b'], 4, 5)],
    ],
    [
      'replaced by an earlier one',
      'invalid',
      [op('write', 'a', 0, 1), op('write', 'b', 2, 3), read(['a'], 4, 5)],
    ],
    [
      'replaced by a concurrent one',
      'valid',
      [op('write', 'a', 0, 9), op('write', 'b', 2, 10), read(['a'], 14, 15)],
    ],
    [
      'replaced by an unknown one',
      'valid',
      [op('write', 'a', 0, 1, 'info'), op('write', 'b', 2, 3), read(['a'], 4, 5)],
    ],
    [
      'both kept',
      'valid',
      [op('write', 'a', 0, 9), op('write', 'b', 2, 10), read(['a', 'b'], 14, 15)],
    ],
    ['a read beside the write sees nothing', 'valid', [op('write', 'a', 0, 3), read([], 2, 4)]],
    ['reads what failed', 'invalid', [op('write', 'a', 0, 1, 'fail'), read(['a'], 2, 3)]],
    ['reads what nobody wrote', 'invalid', [read(['x'], 2, 3)]],
    ['reads the future', 'invalid', [read(['a'], 0, 1), op('write', 'a', 2, 3)]],
  ]
  for (const [name, expected, operations] of cases) {
    it(name, () => assert.equal(checkSiblings(operations).kind, expected))
  }

  const covering = (f: 'write' | 'delete', value: unknown, covers: unknown[], start: number) => ({
    ...op(f, value, start, start + 1),
    covers,
  })
  const written = op('write', 'a', 0, 1)
  const more: [string, 'valid' | 'invalid', Operation[]][] = [
    ['deleted', 'valid', [written, covering('delete', null, ['a'], 2), read([], 4, 5)]],
    [
      'deleted and back',
      'invalid',
      [written, covering('delete', null, ['a'], 2), read(['a'], 4, 5)],
    ],
    [
      'deleted before',
      'invalid',
      [op('delete', null, 0, 1), op('write', 'a', 2, 3), read([], 4, 5)],
    ],
    ['a failed delete', 'invalid', [written, op('delete', null, 2, 3, 'fail'), read([], 4, 5)]],
    ['an unknown delete', 'valid', [written, op('delete', null, 2, 3, 'info'), read([], 4, 5)]],
    ['a later delete', 'invalid', [written, read([], 4, 5), op('delete', null, 6, 7)]],
    [
      'a context that did not have it',
      'invalid',
      [written, covering('write', 'b', ['x'], 2), read(['b'], 4, 5)],
    ],
    [
      'a context beside it',
      'invalid',
      [op('write', 'a', 0, 5), covering('write', 'b', [], 2), read(['b'], 7, 8)],
    ],
    [
      'a context beside it, both kept',
      'valid',
      [op('write', 'a', 0, 5), covering('write', 'b', [], 2), read(['b', 'a'], 7, 8)],
    ],
    [
      'a chain of contexts',
      'valid',
      [
        written,
        covering('write', 'b', ['a'], 2),
        covering('write', 'c', ['b'], 4),
        read(['c'], 7, 8),
      ],
    ],
    ['replaced', 'valid', [written, covering('write', 'b', ['a'], 2), read(['b'], 4, 5)]],
    [
      'replaced and back',
      'invalid',
      [written, covering('write', 'b', ['a'], 2), read(['a', 'b'], 4, 5)],
    ],
  ]
  for (const [name, expected, operations] of more) {
    it(name, () => assert.equal(checkSiblings(operations).kind, expected))
  }
})
