import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AtollError, ERRORS, type ErrorCode } from '../../src/base/errors.ts'
import { WireError, WireWriter } from '../../src/wire/codec.ts'
import { decodeError, encodeError } from '../../src/wire/error-codec.ts'
import { FRAME, MESSAGE } from '../../src/wire/frames.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { Cursor, writeVarint } from '../../src/wire/varint.ts'
import { commonVersion } from '../../src/wire/version.ts'

describe('errors on the wire', () => {
  it('arrive with code, message, outcome and hint', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      for (const outcome of ['applied', 'not-applied', 'unknown'] as const) {
        const error = new AtollError(code, `what happened to ${code}`, { outcome, hint: 'do this' })
        const got = decodeError(encodeError(error))
        assert.deepEqual(
          [got.code, got.message, got.outcome, got.hint],
          [error.code, error.message, outcome, 'do this'],
        )
      }
    }
    assert.equal(decodeError(encodeError(new AtollError('BUSY', 'x'))).hint, undefined)
  })

  it('are cut to their bounds, never too large to be told', () => {
    const error = new AtollError('INTERNAL', '€'.repeat(100_000), { hint: '😀'.repeat(9000) })
    const bytes = encodeError(error)
    assert.ok(bytes.length < 3000)
    assert.ok(decodeError(bytes).message.endsWith('…'))
  })

  it('of a later version are INTERNAL and keep their name', () => {
    const bytes = new WireWriter().string('NEW_CODE').uint(2).string('what').string('').finish()
    const error = decodeError(bytes)
    assert.deepEqual(
      [error.code, error.message, error.outcome],
      ['INTERNAL', 'NEW_CODE: what', 'unknown'],
    )
  })

  it('throw nothing but WireError when they are garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          decodeError(bytes)
        } catch (error) {
          assert.ok(error instanceof WireError)
        }
      }),
    )
  })
})

describe('varint', () => {
  it('reads what was written, at any place of a frame', () => {
    const edges = [0, 127, 128, 16383, 16384, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER]
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat()), fc.nat(9), (value, at) => {
        const out = new Uint8Array(24)
        const end = writeVarint(out, at, value)
        const cursor = new Cursor(out, at)
        assert.equal(cursor.varint(), value)
        assert.equal(cursor.at, end)
      }),
    )
  })

  it('refuses the end of the frame, and more than 53 bits', () => {
    assert.throws(() => new Cursor(Uint8Array.of(0x80), 0).varint(), WireError)
    assert.throws(() => new Cursor(new Uint8Array(0), 0).varint(), WireError)
    assert.throws(() => new Cursor(new Uint8Array(12).fill(0xff), 0).varint(), WireError)
    assert.throws(() => new Cursor(Uint8Array.of(1, 2), 1).take(2), WireError)
  })
})

describe('numbers on the wire', () => {
  it('are each used once', () => {
    for (const table of [REQUEST_KINDS, FRAME, MESSAGE]) {
      const numbers = Object.values(table)
      assert.equal(new Set(numbers).size, numbers.length)
    }
  })

  it('agree on the highest version that both speak, if there is one', () => {
    assert.equal(commonVersion({ min: 1, max: 3 }, { min: 2, max: 5 }), 3)
    assert.equal(commonVersion({ min: 2, max: 5 }, { min: 1, max: 3 }), 3)
    assert.equal(commonVersion({ min: 1, max: 1 }, { min: 1, max: 1 }), 1)
    assert.equal(commonVersion({ min: 1, max: 1 }, { min: 2, max: 5 }), null)
    assert.equal(commonVersion({ min: 4, max: 5 }, { min: 1, max: 3 }), null)
  })
})
