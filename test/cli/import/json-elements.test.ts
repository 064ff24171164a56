/** Cutting a large JSON document into its elements, however it comes. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AtollError } from '../../../src/base/errors.ts'
import { ByteInput } from '../../../src/cli/import/byte-input.ts'
import {
  arrayElements,
  type JsonPiece,
  memberElements,
} from '../../../src/cli/import/json-elements.ts'

function inputOf(bytes: Buffer, size: number): ByteInput {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  return new ByteInput(chunks())
}

async function all(pieces: AsyncIterable<JsonPiece>): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const piece of pieces) found.push(piece === null ? 'too large' : piece.json)
  return found
}

const array = (text: string | Buffer, size = 7) =>
  all(arrayElements(inputOf(Buffer.from(text as string), size)))

async function wrong(text: string | Buffer, size: number): Promise<string> {
  const error: unknown = await array(text, size).then(
    () => assert.fail(String(text)),
    (e: unknown) => e,
  )
  assert.ok(error instanceof AtollError && error.code === 'USAGE', String(error))
  return error.message
}

describe('elements of a large JSON document', () => {
  it('are those that JSON.parse finds, whatever the chunks and blanks', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(undefined, 1, '\t'),
      async (values, size, indent) => {
        const text = JSON.stringify(values, null, indent)
        const expected: unknown = JSON.parse(text)
        assert.deepEqual(await array(text, size), expected)
        const others: [string, unknown][] = []
        const document = JSON.stringify({ before: values, kvs: values, after: 'x' }, null, indent)
        const members = memberElements(inputOf(Buffer.from(document), size), 'kvs', (name, json) =>
          others.push([name, json]),
        )
        assert.deepEqual(await all(members), expected)
        assert.deepEqual(others, [
          ['before', expected],
          ['kvs', null],
          ['after', 'x'],
        ])
      },
    )
    await fc.assert(property, { numRuns: 300 })
  })

  it('of a document that is cut off anywhere end with an error that says where', async () => {
    const text = '[ {"a":"]}\\"\\\\"} , 12, true,[{}],"\u00e9" ]'
    const bytes = Buffer.from(text)
    for (const size of [1, 100]) {
      for (let end = 0; end < bytes.length; end++) {
        assert.match(
          await wrong(bytes.subarray(0, end), size),
          new RegExp(`too early, at byte ${end}$`),
        )
      }
    }
    assert.deepEqual(await array(bytes), JSON.parse(text))
  })

  it('of what is no JSON end with an error that says where', async () => {
    for (const text of [
      '[,]',
      '[1,]',
      '[1 2]',
      '[1}',
      '[}',
      '[tru]',
      '[{"a":}]',
      '["\\x"]',
      '{}',
      '[nul1,2]',
      '["a"b]',
    ]) {
      for (const size of [1, 100])
        assert.match(await wrong(text, size), /not JSON from byte \d+ on/, text)
    }
    assert.match(await wrong(Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), 9), /byte 1 on/)
  })

  it('that are too large or too deep are passed over, and the next is good', async () => {
    const large = `"${'x'.repeat(4 * 1024 * 1024)}"`
    const deep = '['.repeat(40) + ']'.repeat(40)
    assert.deepEqual(await array(`[1,${large},${deep},2]`, 64 * 1024), [
      1,
      'too large',
      'too large',
      2,
    ])
  })
})
