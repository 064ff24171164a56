/** Reading RDB files: a real one, one of every encoding, and what is damaged. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { AtollError } from '../../../src/base/errors.ts'
import { Crc64 } from '../../../src/cli/import/redis/crc64.ts'
import { lzfDecompress } from '../../../src/cli/import/redis/lzf.ts'
import { readRdb } from '../../../src/cli/import/redis/rdb-reader.ts'
import type { RdbKey, RdbValue } from '../../../src/cli/import/redis/rdb-value.ts'
import {
  double,
  intset,
  key,
  length,
  length64,
  listpack,
  lzf,
  rdb,
  str,
  time,
  unchecked,
  ziplist,
} from './rdb-writer.ts'

const REAL = readFileSync(join(import.meta.dirname, 'fixtures/redis.rdb'))

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(bytes: Buffer, chunkBytes = 64 * 1024): Promise<RdbKey[]> {
  const keys: RdbKey[] = []
  for await (const each of readRdb(chunked(bytes, chunkBytes))) keys.push(each)
  return keys
}

async function refused(bytes: Buffer): Promise<AtollError> {
  const error: unknown = await read(bytes).then(
    () => assert.fail('it was read'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof AtollError, String(error))
  return error
}

/** As text, for comparing. */
function shown(value: RdbValue): unknown {
  switch (value.kind) {
    case 'string':
      return value.bytes.toString('latin1')
    case 'list':
    case 'set':
      return value.items.map(String)
    case 'hash':
      return Object.fromEntries(value.fields.map(([field, text]) => [String(field), String(text)]))
    case 'zset':
      return value.members.map(([member, score]) => [String(member), score])
    case 'unread':
      return value.what
  }
}

async function valuesOf(bytes: Buffer): Promise<Record<string, unknown>> {
  const keys = await read(bytes)
  return Object.fromEntries(keys.map((each) => [String(each.key), shown(each.value)]))
}

const LONG = 'x'.repeat(300)
const LONGER = 'y'.repeat(20_000)
const NUMBERS = [
  0, 12, 13, 127, -1, -128, 128, -4096, 4095, 30_000, -30_000, 8_000_000, -8_000_000, 2_000_000_000,
  -2_000_000_000, 5_000_000_000, -5_000_000_000,
]
const MIXED = ['', 'a', LONG, ...NUMBERS, LONGER, 'end']
const PAIRS = ['one', '1', 'two', '2.5', 'most', 'inf', 'least', '-inf']

/** Every encoding that there is. */
const ALL = rdb([
  Buffer.concat([Buffer.of(250), str('redis-ver'), str('7.0.15')]),
  Buffer.concat([Buffer.of(247), length(9), length(2), length(2), length(0)]),
  Buffer.concat([Buffer.of(245), str('#!lua name=lib')]),
  Buffer.concat([Buffer.of(254), length(0)]),
  Buffer.concat([Buffer.of(251), length(20), length(1)]),
  key(0, 'raw', str('blue')),
  key(0, 'len64', Buffer.concat([length64(2), Buffer.from('ab')])),
  key(0, 'int8', Buffer.of(0xc0, 0xf9)),
  key(0, 'int16', Buffer.of(0xc1, 0xc7, 0xcf)),
  key(0, 'int32', Buffer.of(0xc2, 0xd2, 0x02, 0x96, 0x49)),
  key(0, 'lzf', lzf(Buffer.from('abc'), 300 - 36)),
  key(0, 'lzf-short', lzf(Buffer.from('ab'), 5)),
  Buffer.concat([Buffer.of(248), length(100), key(0, 'idle', str('v'))]),
  Buffer.concat([Buffer.of(249, 7), key(0, 'often', str('v'))]),
  Buffer.concat([Buffer.of(252), time(1_700_000_000_123), key(0, 'expires-ms', str('v'))]),
  Buffer.concat([Buffer.of(253, 0, 0xf1, 0x53, 0x65), key(0, 'expires-s', str('v'))]),
  key(1, 'list-plain', length(2), str('a'), str('b')),
  key(10, 'list-ziplist', str(ziplist(MIXED))),
  key(14, 'quicklist', length(2), str(ziplist(['a', 'b'])), str(ziplist([7]))),
  key(
    18,
    'quicklist-2',
    length(3),
    length(2),
    str(listpack(MIXED)),
    length(1),
    str(LONG),
    length(2),
    str(listpack(['z'])),
  ),
  key(2, 'set-plain', length(2), str('a'), Buffer.of(0xc0, 1)),
  key(11, 'set-16', str(intset(2, [-3, 1, 30_000]))),
  key(11, 'set-32', str(intset(4, [-70_000, 5]))),
  key(11, 'set-64', str(intset(8, [-5_000_000_000, 5]))),
  key(20, 'set-listpack', str(listpack(['a', 5]))),
  key(4, 'hash-plain', length(2), str('f'), str('v'), str('g'), Buffer.of(0xc0, 5)),
  key(13, 'hash-ziplist', str(ziplist(['f', 'v', 'g', 5]))),
  key(16, 'hash-listpack', str(listpack(['f', 'v', 'g', 5]))),
  key(
    3,
    'zset-text',
    length(3),
    str('one'),
    Buffer.from('\u00011'),
    str('most'),
    Buffer.of(254),
    str('least'),
    Buffer.of(255),
  ),
  key(
    5,
    'zset-double',
    length(2),
    str('one'),
    double(1),
    str('least'),
    double(Number.NEGATIVE_INFINITY),
  ),
  key(12, 'zset-ziplist', str(ziplist(PAIRS))),
  key(17, 'zset-listpack', str(listpack(PAIRS))),
  key(9, 'zipmap', str(Buffer.of(0, 255))),
  key(
    7,
    'module',
    length(77),
    length(2),
    length(5),
    length(1),
    length(6),
    length(3),
    Buffer.alloc(4),
    length(4),
    Buffer.alloc(8),
    length(5),
    str('s'),
    length(0),
  ),
  key(22, 'fields-rc', length(1), length(0), str('f'), str('v')),
  key(23, 'fields-listpack-rc', str(listpack(['f', 'v', 0]))),
  key(24, 'fields', time(5), length(1), length(1), str('f'), str('v')),
  key(25, 'fields-listpack', time(5), str(listpack(['f', 'v', 0]))),
  ...([15, 19, 21] as const).map((type) => key(type, `stream-${type}`, streamOf(type))),
  Buffer.concat([Buffer.of(244), length(1), length(2), length(3)]),
  Buffer.concat([Buffer.of(254), length(3), key(0, 'elsewhere', str('v'))]),
])

function streamOf(type: 15 | 19 | 21): Buffer {
  const times = Buffer.alloc(type === 21 ? 16 : 8)
  const ids = Array.from({ length: type === 15 ? 3 : 8 }, () => length(1))
  const group = [str('g'), length(1), length(1), ...(type === 15 ? [] : [length(1)])]
  const pending = [length(1), Buffer.alloc(24), length(2)]
  const consumer = [length(1), str('c'), times, length(1), Buffer.alloc(16)]
  return Buffer.concat([
    length(1),
    str(Buffer.alloc(16)),
    str(listpack([1])),
    ...ids,
    length(1),
    ...group,
    ...pending,
    ...consumer,
  ])
}

describe('an RDB file', () => {
  it('that Redis 7.0 wrote is read whole', async () => {
    const found = await valuesOf(REAL)
    const {
      'list-nodes': nodes,
      'list-plain': plain,
      'hash-plain': hash,
      'zset-plain': zset,
      'set-plain': set,
      ...rest
    } = found
    assert.deepEqual(
      (nodes as string[]).map((text) => text.split(' ')[0]),
      Array.from({ length: 40 }, (_, i) => String(i + 1)),
    )
    assert.deepEqual(plain, ['z'.repeat(9000), 'tail'])
    assert.deepEqual((set as string[]).toSorted(), ['1', 'a', 'b', 'c'])
    for (let i = 1; i <= 12; i++) {
      assert.equal((hash as Record<string, string>)[`f${i}`], `v${i}`)
      assert.ok(
        (zset as [string, number][]).some(
          ([member, score]) => member === `m${i}` && score === i + 0.25,
        ),
      )
    }
    assert.deepEqual(rest, {
      text: Buffer.from('héllo').toString('latin1'),
      empty: '',
      int8: '-7',
      int16: '-12345',
      int32: '1234567890',
      int64: '1234567890123456789',
      bytes: '\u00ff\u0000\u0001',
      long: 'abc'.repeat(1000),
      '\ufffdkey': 'v',
      'expires-late': 'v',
      'list-small': ['a', '1', '-1', '300', '-70000', '20000000', '5000000000', 'x'.repeat(100)],
      'set-16': ['-3', '1', '2'],
      'set-32': ['1', '70000'],
      'set-64': ['1', '5000000000'],
      'hash-small': { color: 'blue', n: '5', json: '{"a":1}' },
      'hash-sole': { base64: 'AA==' },
      'hash-bytes': { f: '\ufffd(' },
      'zset-small': [
        ['least', Number.NEGATIVE_INFINITY],
        ['one', 1],
        ['two', 2.5],
        ['most', Number.POSITIVE_INFINITY],
      ],
      stream: 'a stream',
      elsewhere: 'v',
    })
  })

  it('is read in every encoding that there ever was, whatever the chunks', async () => {
    const mixed = MIXED.map(String)
    const scores = [
      ['one', 1],
      ['two', 2.5],
      ['most', Number.POSITIVE_INFINITY],
      ['least', Number.NEGATIVE_INFINITY],
    ]
    const fields = 'a hash whose fields expire'
    const expected = {
      raw: 'blue',
      len64: 'ab',
      int8: '-7',
      int16: '-12345',
      int32: '1234567890',
      lzf: `ab${'c'.repeat(265)}`,
      'lzf-short': `a${'b'.repeat(6)}`,
      idle: 'v',
      often: 'v',
      'expires-ms': 'v',
      'expires-s': 'v',
      'list-plain': ['a', 'b'],
      'list-ziplist': mixed,
      quicklist: ['a', 'b', '7'],
      'quicklist-2': [...mixed, LONG, 'z'],
      'set-plain': ['a', '1'],
      'set-16': ['-3', '1', '30000'],
      'set-32': ['-70000', '5'],
      'set-64': ['-5000000000', '5'],
      'set-listpack': ['a', '5'],
      'hash-plain': { f: 'v', g: '5' },
      'hash-ziplist': { f: 'v', g: '5' },
      'hash-listpack': { f: 'v', g: '5' },
      'zset-text': [
        ['one', 1],
        ['most', Number.POSITIVE_INFINITY],
        ['least', Number.NEGATIVE_INFINITY],
      ],
      'zset-double': [
        ['one', 1],
        ['least', Number.NEGATIVE_INFINITY],
      ],
      'zset-ziplist': scores,
      'zset-listpack': scores,
      zipmap: 'a hash in a form from before Redis 2.6',
      module: 'a value of a module',
      'fields-rc': fields,
      'fields-listpack-rc': fields,
      fields,
      'fields-listpack': fields,
      'stream-15': 'a stream',
      'stream-19': 'a stream',
      'stream-21': 'a stream',
      elsewhere: 'v',
    }
    assert.deepEqual(await valuesOf(ALL), expected)
    const whole = await read(ALL)
    for (const size of [1, 2, 7, 1000]) assert.deepEqual(await read(ALL, size), whole, `${size}`)
  })

  it('tells databases and expiries apart', async () => {
    const keys = await read(ALL)
    const of = (name: string) => keys.find((each) => String(each.key) === name)
    assert.equal(of('expires-ms')?.expiresAtMs, 1_700_000_000_123)
    assert.equal(of('expires-s')?.expiresAtMs, 1_700_000_000_000)
    assert.equal(of('list-plain')?.expiresAtMs, null, 'an expiry is of one key')
    assert.deepEqual([of('raw')?.database, of('elsewhere')?.database], [0, 3])
  })

  it('that is cut off anywhere, or of which any byte is another, is refused', async () => {
    for (let end = 0; end < REAL.length; end++) await refused(REAL.subarray(0, end))
    for (let at = 0; at < REAL.length; at++) {
      const other = Buffer.from(REAL)
      other[at] = (other[at] ?? 0) ^ (1 << (at % 8))
      await refused(other)
    }
  })

  it('is checked to its end', async () => {
    assert.equal(
      (await read(unchecked(ALL))).length,
      (await read(ALL)).length,
      'it may have no sum',
    )
    const wrong = Buffer.from(ALL)
    wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1
    assert.match((await refused(wrong)).message, /checksum/)
    const more = await refused(Buffer.concat([ALL, Buffer.from('*2')]))
    assert.match(`${more.message} ${more.hint}`, /more follows.*append-only/)
    assert.equal((await refused(rdb([], 13))).code, 'UNSUPPORTED')
    assert.equal(
      (await read(rdb([key(0, 'old', str('v'))], 3))).length,
      1,
      'of before the checksum',
    )
  })

  it('with what is not known ends there, and says what', async () => {
    assert.match((await refused(rdb([key(8, 'k', str('v'))]))).message, /unknown type 8/)
    assert.match((await refused(rdb([key(6, 'k', str('v'))]))).message, /unknown type 6/)
    assert.match((await refused(rdb([Buffer.of(246)]))).message, /unknown notice 246/)
    assert.match((await refused(rdb([key(0, 'k', Buffer.of(0xc4))]))).message, /encoding 4/)
    assert.match(
      (await refused(rdb([key(18, 'k', length(1), length(3), str('v'))]))).message,
      /container 3/,
    )
  })

  it('holds no more of a value than is taken', async () => {
    const large = Buffer.alloc(4 * 1024 * 1024 + 1)
    const half = str(large.subarray(0, large.length / 2 + 1))
    const tooLarge = 'a value far over the limit'
    const file = rdb([
      key(0, 'string', str(large)),
      key(0, 'bomb', Buffer.concat([Buffer.of(0xc3), length(1), length64(2 ** 40), Buffer.of(0)])),
      key(2, 'set', length(3), half, half, str('rest')),
      key(5, 'zset', length(3), half, double(1), half, double(2), str('rest'), double(3)),
      key(14, 'quicklist', length(1), str(large)),
      key(0, 'next', str('v')),
    ])
    assert.deepEqual(await valuesOf(file), {
      string: tooLarge,
      bomb: tooLarge,
      set: tooLarge,
      zset: tooLarge,
      quicklist: tooLarge,
      next: 'v',
    })
    const longKey = await read(rdb([key(0, Buffer.alloc(1025), str('v'))]))
    assert.equal(longKey[0]?.key, null)
  })

  it('that lies about its lengths is refused, without time or memory for them', async () => {
    const lies = [
      key(0, 'k', length64(2 ** 52)),
      key(2, 'k', length64(2 ** 52), str('a')),
      key(14, 'k', length64(2 ** 52)),
      key(11, 'k', str(Buffer.from([2, 0, 0, 0, 255, 255, 255, 255]))),
      key(16, 'k', str(listpack(['a']))),
      key(0, 'k', Buffer.concat([Buffer.of(0xc3), length(2), length(4_000_000), Buffer.of(0, 65)])),
      key(21, 'k', length64(2 ** 52)),
    ]
    for (const lie of lies) await refused(unchecked(rdb([lie])))
  })

  it('of valid structure with random damage gives values or a clear error, nothing else', async () => {
    const base = unchecked(ALL)
    const damage = fc.array(fc.tuple(fc.nat(base.length - 9), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    const property = fc.asyncProperty(damage, fc.nat(4), async (bytes, how) => {
      const file = Buffer.from(base)
      for (const [at, byte] of bytes)
        file[at] = how === 0 ? (file[at] ?? 0) ^ (1 << (byte % 8)) : byte
      await read(file).catch((error: unknown) =>
        assert.ok(error instanceof AtollError, String(error)),
      )
    })
    await fc.assert(property, { numRuns: 1500 })
  })

  it('of random structure is read as what it was made of', async () => {
    const text = fc
      .string({ maxLength: 80, unit: 'binary' })
      .filter((each) => !/^-?\d+$/.test(each))
    const number = fc.maxSafeInteger()
    const elements = fc.array(fc.oneof(text, number), { minLength: 1, maxLength: 30 })
    const property = fc.asyncProperty(
      elements,
      fc.nat(2),
      fc.integer({ min: 1, max: 50 }),
      async (list, form, size) => {
        const made = [
          key(10, 'k', str(ziplist(list))),
          key(20, 'k', str(listpack(list))),
          key(18, 'k', length(1), length(2), lzf(listpack(list))),
        ][form] as Buffer
        const [found] = await read(rdb([made]), size)
        assert.deepEqual(shown(found?.value as RdbValue), list.map(String))
      },
    )
    await fc.assert(property, { numRuns: 300 })
  })
})

describe('the parts of RDB', () => {
  it('CRC-64 as Redis has it', () => {
    const crc = new Crc64()
    crc.update(Buffer.from('1234'))
    crc.update(Buffer.from('56789'))
    assert.equal(crc.value, 0xe9c6d914c4b8d9can)
  })

  it('LZF within its bounds', () => {
    assert.equal(lzfDecompress(Buffer.of(0, 65, 0x20, 0), 4).toString(), 'AAAA')
    for (const bad of [
      [0x20, 0],
      [5, 65],
      [0, 65, 0xe0],
      [0, 65, 0x20, 1],
      [0, 65],
      [0, 65, 0x40, 0],
    ]) {
      assert.throws(() => lzfDecompress(Buffer.from(bad), 4), AtollError)
    }
  })
})
