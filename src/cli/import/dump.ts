/** Which kind of input it is, by how it begins, and its entries. */
import { unreachable } from '../../base/assert.ts'
import { AtollError } from '../../base/errors.ts'
import { ByteInput } from './byte-input.ts'
import { consulEntries } from './consul-dump.ts'
import type { DumpFormat } from './dump-formats.ts'
import { etcdEntries } from './etcd-dump.ts'
import type { ImportEntry, ImportUnit } from './import-entry.ts'
import { lineEntries } from './line-entries.ts'
import { RDB_MAGIC } from './redis/rdb-reader.ts'
import { redisEntries } from './redis/redis-dump.ts'

export interface DumpOptions {
  /** undefined: recognised. */
  readonly from: DumpFormat | undefined
  /** Of Redis: the number of a database. */
  readonly database: number | undefined
}

export interface Dump {
  readonly format: DumpFormat
  readonly unit: ImportUnit
  readonly entries: AsyncIterable<ImportEntry>
}

/** By the first so many it is known what an input is. */
export const HEAD_BYTES = 64

export async function openDump(
  chunks: AsyncIterable<Buffer>,
  options: DumpOptions,
  note: (text: string) => void,
): Promise<Dump> {
  const input = new ByteInput(chunks)
  const begins = recognised(await input.head(HEAD_BYTES, isTelling))
  const format = options.from ?? begins
  if (format !== 'atoll' && begins !== 'atoll' && begins !== format) {
    throw new AtollError('USAGE', `the input is of ${begins}, not of ${format}`)
  }
  if (options.database !== undefined && format !== 'redis') {
    throw new AtollError('USAGE', `--db chooses in a file of Redis; the input is of ${format}`)
  }
  switch (format) {
    case 'atoll':
      return { format, unit: 'line', entries: lineEntries(chunksOf(input)) }
    case 'etcd':
      return { format, unit: 'entry', entries: etcdEntries(input, note) }
    case 'consul':
      return { format, unit: 'entry', entries: consulEntries(input) }
    case 'redis':
      return { format, unit: 'entry', entries: redisEntries(chunksOf(input), options, note) }
    default:
      return unreachable(format)
  }
}

/** Throws AtollError USAGE for what is known and cannot be read. Lines of ours are all the rest. */
export function recognised(head: Buffer): DumpFormat {
  const text = head.toString('latin1')
  if (text.startsWith(RDB_MAGIC)) return 'redis'
  if (/^\s*\[/.test(text)) return 'consul'
  if (/^\s*\{\s*"(header|kvs|count|more)"\s*:/.test(text)) return 'etcd'
  const cannot = UNREAD.find(({ marks }) => marks(head))
  if (cannot === undefined) return 'atoll'
  throw new AtollError('USAGE', `the input is ${cannot.what}`, { hint: cannot.hint })
}

/** Whether it is known from this which kind it is: by how a list begins, by the first name, or a line. */
function isTelling(head: Buffer): boolean {
  const text = head.toString('latin1')
  return /^\s*(\[|\{\s*("[^"]*"\s*:|[^\s"]))/.test(text) || /^\s*[^\s{[\0][^\n]*\n/.test(text)
}

const BOLT_MAGIC = 0xed0cdaed
const BOLT_MAGIC_AT = 16

const UNREAD = [
  {
    marks: (head: Buffer) =>
      head.length >= BOLT_MAGIC_AT + 4 && head.readUInt32LE(BOLT_MAGIC_AT) === BOLT_MAGIC,
    what: 'a snapshot of etcd, its database file',
    hint: 'import what etcdctl get "" --prefix -w json prints',
  },
  {
    marks: (head: Buffer) => head[0] === 0x1f && head[1] === 0x8b,
    what: 'compressed by gzip, as snapshots of Consul are',
    hint: 'pipe it: gunzip -c FILE | atoll kv import - ; of Consul, import what consul kv export prints',
  },
  {
    marks: (head: Buffer) => head.toString('latin1', 0, 6) === 'VALKEY',
    what: 'an RDB file of Valkey 9 or later',
    hint: 'an RDB file of Redis to 8.2, or of Valkey to 8, is read',
  },
] as const

async function* chunksOf(input: ByteInput): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const ahead = await input.ahead()
    if (ahead.length === 0) return
    yield ahead
    input.advance(ahead.length)
  }
}
