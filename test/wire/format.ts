/**
 * What every decoder is held to: it gives back what was encoded, and meets random bytes, cut ends,
 * changed bytes, counts and lengths that promise more than there is with WireError, or with
 * something that survives being written and read again.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { WireError, WireWriter } from '../../src/wire/codec.ts'

export interface Format<T> {
  readonly name: string
  readonly values: fc.Arbitrary<T>
  readonly encode: (value: T) => Uint8Array
  readonly decode: (bytes: Uint8Array) => T
  /** Whether it is as they said it who were built before its last fields. */
  readonly isOlder: (value: T) => boolean
}

export function format<T>(
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
  isOlder: (value: T) => boolean = () => false,
): Format<unknown> {
  return { name, values, encode, decode, isOlder } as Format<unknown>
}

const blobs = fc.uint8Array({ maxLength: 40 })

/** Decodes what may be anything. */
function refusesOrKeeps({ encode, decode }: Format<unknown>, bytes: Uint8Array): void {
  let value: unknown
  try {
    value = decode(bytes)
  } catch (error) {
    assert.ok(error instanceof WireError, String(error))
    return
  }
  assert.deepEqual(decode(encode(value)), value)
}

/** Every format is held to the same rules. */
export function describeFormats(title: string, formats: readonly Format<unknown>[]): void {
  describe(title, () => {
    for (const each of formats) {
      const { name, values, encode, decode, isOlder } = each

      it(`${name}: gives back what went in`, () => {
        fc.assert(
          fc.property(values, (value) => assert.deepEqual(decode(encode(value)), value)),
          { numRuns: 50 },
        )
      })

      it(`${name}: refuses a cut end`, () => {
        fc.assert(
          fc.property(values, fc.nat(), (value, at) => {
            const bytes = encode(value)
            const cut = bytes.slice(0, at % bytes.length)
            assert.throws(() => {
              if (isOlder(decode(cut))) throw new WireError('whole as it once was')
            }, WireError)
          }),
          { numRuns: 50 },
        )
      })

      it(`${name}: refuses changed and random bytes, or keeps to what it read`, () => {
        fc.assert(
          fc.property(values, fc.nat(), fc.nat({ max: 255 }), blobs, (value, at, byte, noise) => {
            const bytes = encode(value)
            const place = at % bytes.length
            refusesOrKeeps(each, bytes.with(place, byte))
            refusesOrKeeps(each, Uint8Array.of(...bytes, ...noise))
            refusesOrKeeps(each, Uint8Array.of(...bytes.slice(0, place), ...noise))
            refusesOrKeeps(each, noise)
          }),
          { numRuns: 150 },
        )
      })

      it(`${name}: believes no count or length that the message does not bear out`, () => {
        const huge = new WireWriter().uint(2 ** 50).finish()
        fc.assert(
          fc.property(values, fc.nat(), (value, at) => {
            const bytes = encode(value)
            const place = at % bytes.length
            refusesOrKeeps(each, Uint8Array.of(...bytes.slice(0, place), ...huge))
            refusesOrKeeps(each, Uint8Array.of(...bytes.slice(0, place), ...huge, ...bytes))
          }),
          { numRuns: 50 },
        )
      })
    }
  })
}
