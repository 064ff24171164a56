/** Values and their bytes: what was given comes back, and bytes that no program gave do no harm. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { utf8 } from '../../src/base/bytes.ts'
import { isAtollError } from '../../src/base/errors.ts'
import { jsonExcess } from '../../src/base/json-scan.ts'
import { checkJson, VALUE_DEPTH_MAX, VALUE_ELEMENTS_MAX } from '../../src/base/json-value.ts'
import { decodeValue, encodeValue, type JsonValue, type Value } from '../../src/base/value.ts'

const BYTES_MAX = 1024 * 1024
const texts = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('\uFEFF with a mark'))
/** As JSON holds it: without −0. */
const documents = fc.jsonValue().map((each) => JSON.parse(JSON.stringify(each)) as JsonValue)
const values: fc.Arbitrary<Value> = fc.oneof(fc.uint8Array(), texts, documents)
const kinds = fc.constantFrom('bytes', 'text', 'json')

/** A number, and too large for one. */
const HUGE = '9'.repeat(310)

function again(value: Value): Value {
  const { kind, bytes } = encodeValue(value, BYTES_MAX)
  return decodeValue(kind, bytes)
}

/** What is read of any bytes: never an error, and the same when it is stored again. */
function survives(kind: string, bytes: Uint8Array): void {
  const value = decodeValue(kind, bytes)
  if (kind === 'bytes') assert.deepEqual(value, bytes)
  if (kind === 'text' && typeof value === 'string') assert.deepEqual(utf8(value), bytes)
  // JSON has −0, and numbers that are written in several ways.
  assert.equal(JSON.stringify(again(value)), JSON.stringify(value))
}

describe('values', () => {
  it('come back as what they were given', () => {
    fc.assert(fc.property(values, (value) => assert.deepEqual(again(value), value)))
  })

  it('that are cut short, changed, random or of another kind are read all the same', () => {
    fc.assert(
      fc.property(
        values,
        kinds,
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.uint8Array(),
        (value, other, at, byte, noise) => {
          const { kind, bytes } = encodeValue(value, BYTES_MAX)
          const place = at % (bytes.length + 1)
          for (const each of [kind, other]) {
            survives(each, bytes.slice(0, place))
            survives(each, bytes.slice(0, place - 1))
            survives(each, Uint8Array.of(...bytes.slice(0, place), byte, ...bytes.slice(place + 1)))
            survives(each, Uint8Array.of(...bytes, ...noise))
            survives(each, noise)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('that are not of their kind are given as the bytes that they are', () => {
    for (const text of [
      '',
      '{',
      '{"a":1',
      '[1,]',
      'undefined',
      '1 2',
      '\uFEFF1',
      '[-1e1261]',
      HUGE,
      `${HUGE}e99`,
    ]) {
      assert.deepEqual(decodeValue('json', utf8(text)), utf8(text))
    }
    assert.equal(decodeValue('json', utf8('1e308')), 1e308)
    assert.deepEqual(decodeValue('json', utf8(`["${HUGE}", 1]`)), [HUGE, 1])
    assert.deepEqual(
      decodeValue('json', utf8(`1${'0'.repeat(250)}e99`)),
      utf8(`1${'0'.repeat(250)}e99`),
    )
    const wrong = Uint8Array.of(0x22, 0xff, 0x22)
    assert.deepEqual(decodeValue('text', wrong), wrong)
    assert.deepEqual(decodeValue('json', wrong), wrong)
  })

  it('of JSON that is deeper than may be written are given as the bytes that they are', () => {
    const deep = (levels: number): Uint8Array => utf8('['.repeat(levels) + ']'.repeat(levels))
    assert.ok(Array.isArray(decodeValue('json', deep(VALUE_DEPTH_MAX))))
    // Printing the second one as JSON would overflow the stack, and the page that it is on.
    for (const bytes of [deep(VALUE_DEPTH_MAX + 1), deep(500_000)]) {
      assert.deepEqual(decodeValue('json', bytes), bytes)
    }
    assert.equal(decodeValue('text', deep(40)), '['.repeat(40) + ']'.repeat(40))
  })

  it('that are given as bytes may change afterwards', () => {
    for (const given of [Uint8Array.of(1, 2), Buffer.of(1, 2)]) {
      const { bytes } = encodeValue(given, BYTES_MAX)
      given.fill(0)
      assert.deepEqual(bytes, Uint8Array.of(1, 2))
    }
  })

  it('are counted as their text is, so that what one way takes every other does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        let elements = 0
        while (jsonExcess(text, VALUE_DEPTH_MAX, elements) !== null) elements++
        const most = Math.floor(VALUE_ELEMENTS_MAX / (elements + 1))
        checkJson(Array(most).fill(value))
        const more = Array(most + 1).fill(value)
        assert.throws(() => checkJson(more), { code: 'TOO_LARGE' })
        assert.equal(jsonExcess(JSON.stringify(more), 99, VALUE_ELEMENTS_MAX), 'elements')
      }),
      { numRuns: 5 },
    )
  })

  it('are copies: the bytes that they were read from may change', () => {
    for (const kind of ['bytes', 'text', 'json']) {
      const stored = Uint8Array.of(0xff, 0xfe)
      const value = decodeValue(kind, stored)
      stored.fill(0)
      assert.deepEqual(value, Uint8Array.of(0xff, 0xfe))
    }
  })

  it('change no prototype', () => {
    const value = decodeValue('json', utf8('{"__proto__":{"admin":true}}'))
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.equal(Reflect.get(value as object, 'admin'), undefined)
  })

  it('are refused over the limit, and where nothing would give them back', () => {
    const codeOf = (value: Value, bytesMax = BYTES_MAX): unknown => {
      try {
        encodeValue(value, bytesMax)
      } catch (error) {
        return isAtollError(error) ? error.code : error
      }
      return null
    }
    assert.equal(codeOf('é', 2), null)
    assert.equal(codeOf('é', 1), 'TOO_LARGE')
    assert.equal(codeOf(new Uint8Array(3), 2), 'TOO_LARGE')
    assert.equal(codeOf([1], 2), 'TOO_LARGE')
    assert.equal(codeOf('\uD800'), 'USAGE')
    const round: JsonValue[] = []
    round.push(round)
    assert.equal(codeOf(round), 'USAGE')
    // JSON would store something else for each of these.
    const odd = [
      Number.NaN,
      [undefined],
      new Date(0),
      { a: 1n },
      Object.create({ toJSON: () => 1 }),
    ]
    for (const each of odd as Value[]) assert.equal(codeOf(each), 'USAGE')
    assert.equal(codeOf(JSON.parse('['.repeat(33) + ']'.repeat(33)) as Value), 'TOO_LARGE')
  })
})
