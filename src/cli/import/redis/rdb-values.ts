/**
 * Values of an RDB file by their type number. What is larger than a value may be here is read over
 * and said to be; its elements are not kept meanwhile.
 */
import { RPC_LIMITS } from '../../../rpc/limits.ts'
import type { ByteInput } from '../byte-input.ts'
import { intsetMembers } from './intset.ts'
import { listpackElements } from './listpack.ts'
import { malformed } from './rdb-error.ts'
import { readLength, readScoreText, readString, scoreOf } from './rdb-primitives.ts'
import { skipModuleParts, skipStream } from './rdb-skip.ts'
import type { RdbValue } from './rdb-value.ts'
import { ziplistEntries } from './ziplist.ts'

/** Far over any value that is taken: whatever is within it is judged where it is stored. */
const BYTES_MAX = RPC_LIMITS.lineBytesMax
/** What an element costs beyond its bytes. */
const ELEMENT_BYTES = 8
const TOO_LARGE: RdbValue = { kind: 'unread', what: 'a value far over the limit' }

const QUICKLIST_PLAIN = 1
const QUICKLIST_PACKED = 2

/**
 * `type` as Redis numbers them, `RDB_TYPE_…`. Throws on one that is unknown: nobody knows where it
 * ends.
 */
export async function readValue(input: ByteInput, type: number): Promise<RdbValue> {
  switch (type) {
    case 0: {
      const bytes = await readString(input, BYTES_MAX)
      return bytes === null ? TOO_LARGE : { kind: 'string', bytes }
    }
    case 1:
      return items('list', await plain(input, 1))
    case 2:
      return items('set', await plain(input, 1))
    case 3:
      return zset(await scored(input, () => readScoreText(input)))
    case 4:
      return hash(await plain(input, 2))
    case 5:
      return zset(await scored(input, async () => (await input.take(8)).readDoubleLE()))
    case 7:
      await readLength(input)
      await skipModuleParts(input)
      return { kind: 'unread', what: 'a value of a module' }
    case 9:
      return await unread(input, 'a hash in a form from before Redis 2.6')
    case 10:
      return items('list', await packed(input, ziplistEntries))
    case 11:
      return items('set', await packed(input, intsetMembers))
    case 12:
      return zset(withScores(await packed(input, ziplistEntries)))
    case 13:
      return hash(await packed(input, ziplistEntries))
    case 14:
      return items('list', await quicklist(input, false))
    case 16:
      return hash(await packed(input, listpackElements))
    case 17:
      return zset(withScores(await packed(input, listpackElements)))
    case 18:
      return items('list', await quicklist(input, true))
    case 20:
      return items('set', await packed(input, listpackElements))
    default:
      return await readOver(input, type)
  }
}

async function readOver(input: ByteInput, type: number): Promise<RdbValue> {
  const fieldsExpire = 'a hash whose fields expire'
  switch (type) {
    case 15:
    case 19:
    case 21:
      await skipStream(input, type === 15 ? 1 : type === 19 ? 2 : 3)
      return { kind: 'unread', what: 'a stream' }
    case 22:
      await hashWithTimes(input)
      return { kind: 'unread', what: fieldsExpire }
    case 23:
      return await unread(input, fieldsExpire)
    case 24:
      await input.skip(8)
      await hashWithTimes(input)
      return { kind: 'unread', what: fieldsExpire }
    case 25:
      await input.skip(8)
      return await unread(input, fieldsExpire)
    default:
      throw malformed(`it has a value of the unknown type ${type}`)
  }
}

async function unread(input: ByteInput, what: string): Promise<RdbValue> {
  await readString(input, -1)
  return { kind: 'unread', what }
}

async function hashWithTimes(input: ByteInput): Promise<void> {
  const count = await readLength(input)
  for (let i = 0; i < count; i++) {
    await readLength(input)
    await readString(input, -1)
    await readString(input, -1)
  }
}

/** What is collected of one value; null as soon as that is too much. */
class Collected<T> {
  items: T[] | null = []
  #bytes = 0

  add(bytes: number, item: T): void {
    this.#bytes += bytes + ELEMENT_BYTES
    if (this.#bytes > BYTES_MAX) this.items = null
    this.items?.push(item)
  }

  tooLarge(): void {
    this.items = null
    this.#bytes = BYTES_MAX
  }
}

async function plain(input: ByteInput, perElement: number): Promise<readonly Buffer[] | null> {
  const count = (await readLength(input)) * perElement
  const collected = new Collected<Buffer>()
  for (let i = 0; i < count; i++) await string(input, collected)
  return collected.items
}

async function string(input: ByteInput, collected: Collected<Buffer>): Promise<void> {
  const bytes = await readString(input, collected.items === null ? -1 : BYTES_MAX)
  if (bytes === null) collected.tooLarge()
  else collected.add(bytes.length, bytes)
}

async function scored(
  input: ByteInput,
  score: () => Promise<number>,
): Promise<readonly (readonly [Buffer, number])[] | null> {
  const count = await readLength(input)
  const collected = new Collected<readonly [Buffer, number]>()
  for (let i = 0; i < count; i++) {
    const member = await readString(input, collected.items === null ? -1 : BYTES_MAX)
    const told = await score()
    if (Number.isNaN(told)) throw malformed('a score is no number')
    if (member === null) collected.tooLarge()
    else collected.add(member.length, [member, told])
  }
  return collected.items
}

async function packed(
  input: ByteInput,
  elements: (bytes: Buffer) => Buffer[],
): Promise<readonly Buffer[] | null> {
  const bytes = await readString(input, BYTES_MAX)
  return bytes === null ? null : elements(bytes)
}

/** Nodes are ziplists, or of the second form listpacks and single large elements. */
async function quicklist(input: ByteInput, second: boolean): Promise<readonly Buffer[] | null> {
  const nodes = await readLength(input)
  const collected = new Collected<Buffer>()
  for (let i = 0; i < nodes; i++) {
    const container = second ? await readLength(input) : QUICKLIST_PACKED
    if (container === QUICKLIST_PLAIN) await string(input, collected)
    else if (container === QUICKLIST_PACKED) {
      const bytes = await readString(input, collected.items === null ? -1 : BYTES_MAX)
      if (bytes === null) collected.tooLarge()
      else {
        const elements = second ? listpackElements(bytes) : ziplistEntries(bytes)
        for (const element of elements) collected.add(element.length, element)
      }
    } else throw malformed(`a list has an unknown container ${container}`)
  }
  return collected.items
}

function items(kind: 'list' | 'set', read: readonly Buffer[] | null): RdbValue {
  return read === null ? TOO_LARGE : { kind, items: read }
}

function zset(members: readonly (readonly [Buffer, number])[] | null): RdbValue {
  return members === null ? TOO_LARGE : { kind: 'zset', members }
}

function hash(flat: readonly Buffer[] | null): RdbValue {
  return flat === null ? TOO_LARGE : { kind: 'hash', fields: pairs(flat) }
}

function withScores(flat: readonly Buffer[] | null) {
  return flat === null
    ? null
    : pairs(flat).map(([member, score]) => [member, scoreOf(score)] as const)
}

function pairs(flat: readonly Buffer[]): (readonly [Buffer, Buffer])[] {
  if (flat.length % 2 === 1) throw malformed('a packed collection of pairs has an odd number')
  const found: (readonly [Buffer, Buffer])[] = []
  for (let i = 0; i < flat.length; i += 2) found.push([flat[i] as Buffer, flat[i + 1] as Buffer])
  return found
}
