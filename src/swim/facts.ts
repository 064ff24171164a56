/**
 * Facts on the wire, and the limits that a member's own facts must keep. What others send is
 * rejected by the reader under the same limits, with nothing allocated for what is too long.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import { isId } from '../base/ids.ts'
import { utf8Length } from '../base/bytes.ts'
import type { WireReader, WireWriter } from '../wire/codec.ts'
import { WireError } from '../wire/codec.ts'
import {
  ADDRESS_BYTES_MAX,
  ADDRESSES_MAX,
  BOOT_MAX,
  CAPACITY_MAX,
  NAME_BYTES_MAX,
  PEER_ID_BYTES_MAX,
  TAG_KEY_BYTES_MAX,
  TAGS_BYTES_MAX,
  TAGS_MAX,
} from './limits.ts'
import type { MemberFacts } from './member.ts'

export function writeFacts(out: WireWriter, facts: MemberFacts): void {
  out
    .string(facts.name)
    .string(facts.zone)
    .bool(facts.role === 'edge')
    .string(facts.storageId)
  out.uint(facts.boot).uint(facts.capacity)
  out.list(facts.addresses, (to, address) => void to.string(address))
  out.list(Object.entries(facts.tags), (to, [key, value]) => void to.string(key).string(value))
}

export function readFacts(from: WireReader): MemberFacts {
  const name = from.string(NAME_BYTES_MAX)
  const zone = from.string(NAME_BYTES_MAX)
  const role = from.bool() ? 'edge' : 'member'
  const storageId = readStorageId(from)
  const boot = from.uint(BOOT_MAX)
  const capacity = from.uint(CAPACITY_MAX)
  const addresses = from.list(ADDRESSES_MAX, (each) => each.string(ADDRESS_BYTES_MAX))
  const tags = readTags(from)
  return { name, zone, role, storageId, boot, capacity, addresses, tags }
}

/** '' of an edge, which has no disk. */
export function readStorageId(from: WireReader): StorageId {
  const storageId = from.string(PEER_ID_BYTES_MAX)
  if (storageId !== '' && !isId(storageId)) throw new WireError('malformed storage id')
  return storageId
}

function readTags(from: WireReader): Record<string, string> {
  let left = TAGS_BYTES_MAX
  const pairs = from.list(TAGS_MAX, (each) => {
    const key = each.string(Math.min(TAG_KEY_BYTES_MAX, left))
    left -= utf8Length(key)
    const value = each.string(left)
    left -= utf8Length(value)
    return [key, value] as const
  })
  return tagsOf(pairs)
}

/** Without a prototype: a tag named `__proto__` is a tag like any other. */
function tagsOf(pairs: Iterable<readonly [string, string]>): Record<string, string> {
  const tags = Object.create(null) as Record<string, string>
  for (const [key, value] of pairs) tags[key] = value
  return tags
}

/** Own facts as they will be sent. Throws AtollError TOO_LARGE or USAGE. */
export function checkedFacts(facts: MemberFacts): MemberFacts {
  const tags = Object.entries(facts.tags)
  const tagBytes = tags.reduce((sum, [key, value]) => sum + utf8Length(key) + utf8Length(value), 0)
  const tooLarge =
    tagBytes > TAGS_BYTES_MAX
      ? `tags take ${tagBytes} bytes; at most ${TAGS_BYTES_MAX} are allowed`
      : tags.length > TAGS_MAX || tags.some(([key]) => utf8Length(key) > TAG_KEY_BYTES_MAX)
        ? `at most ${TAGS_MAX} tags with names of at most ${TAG_KEY_BYTES_MAX} bytes are allowed`
        : utf8Length(facts.name) > NAME_BYTES_MAX || utf8Length(facts.zone) > NAME_BYTES_MAX
          ? `name and zone may take ${NAME_BYTES_MAX} bytes each`
          : null
  if (tooLarge !== null) throw new AtollError('TOO_LARGE', tooLarge)
  if (!Number.isInteger(facts.capacity) || facts.capacity < 0 || facts.capacity > CAPACITY_MAX) {
    throw new AtollError('USAGE', `capacity must be an integer of 0 to ${CAPACITY_MAX}`)
  }
  const addresses = facts.addresses
    .filter((address) => utf8Length(address) <= ADDRESS_BYTES_MAX)
    .slice(0, ADDRESSES_MAX)
  return { ...facts, addresses, tags: tagsOf(tags) }
}

/** Upper bound of the encoded size, without encoding. */
export function factsBytes(facts: MemberFacts): number {
  let bytes = 64 + utf8Length(facts.name) + utf8Length(facts.zone) + facts.storageId.length
  for (const address of facts.addresses) bytes += 3 + utf8Length(address)
  for (const [key, value] of Object.entries(facts.tags)) {
    bytes += 6 + utf8Length(key) + utf8Length(value)
  }
  return bytes
}
