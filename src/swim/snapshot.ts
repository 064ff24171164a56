/**
 * Where peers could be dialled, kept on disk for the next start: all known peers, not only the
 * living, since a whole cluster may have been down and the living of one side of a partition are
 * half the truth. Writes are gathered for a while; losing the last of them loses an address that
 * others also know, so nothing waits for them.
 */
import { utf8, utf8ToText } from '../base/bytes.ts'
import type { PeerId } from '../base/ids.ts'
import type { Database, Write } from '../disk/database.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { ADDRESS_BYTES_MAX, ADDRESSES_MAX, MEMBERS_MAX } from './limits.ts'

const PREFIX = 'swim/peer/'
/** The first key after all that start with the prefix: `0` follows `/`. */
const PREFIX_END = 'swim/peer0'
const FLUSH_AFTER_MS = 5000
const WRITES_MAX = 256

export interface KnownPeer {
  readonly peer: PeerId
  readonly addresses: readonly string[]
}

export class Snapshot {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: Log
  /** Not on disk yet; null is to be deleted. At most MEMBERS_MAX. */
  readonly #dirty = new Map<PeerId, readonly string[] | null>()
  #timer: Timer | null = null
  #writing: Promise<void> | null = null
  #stopped = false

  constructor(database: Database, clock: Clock, log: Log) {
    this.#database = database
    this.#clock = clock
    this.#log = log
  }

  /** All that is on disk; damaged entries are left out. */
  async load(): Promise<KnownPeer[]> {
    const known: KnownPeer[] = []
    const range = { from: PREFIX, to: PREFIX_END, limit: MEMBERS_MAX }
    for await (const [key, value] of this.#database.scan(range)) {
      const addresses = decode(value)
      if (addresses !== null) known.push({ peer: key.slice(PREFIX.length), addresses })
    }
    return known
  }

  remember(peer: PeerId, addresses: readonly string[]): void {
    if (addresses.length > 0) this.#change(peer, addresses)
  }

  forget(peer: PeerId): void {
    this.#change(peer, null)
  }

  /** Writes what is left and ends. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#writing
    await this.#flush()
  }

  #change(peer: PeerId, addresses: readonly string[] | null): void {
    if (this.#stopped || (this.#dirty.size >= MEMBERS_MAX && !this.#dirty.has(peer))) return
    this.#dirty.set(peer, addresses)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#timer !== null || this.#stopped || this.#dirty.size === 0) return
    this.#timer = this.#clock.after(FLUSH_AFTER_MS, () => {
      this.#timer = null
      this.#writing = this.#flush().finally(() => {
        this.#writing = null
        this.#schedule()
      })
    })
  }

  /** Never rejects: without a snapshot a node starts slower, no worse. */
  async #flush(): Promise<void> {
    while (this.#dirty.size > 0) {
      const taken = [...this.#dirty].slice(0, WRITES_MAX)
      for (const [peer] of taken) this.#dirty.delete(peer)
      try {
        await this.#database.commit(taken.flatMap((change) => this.#writeOf(change)))
      } catch (error) {
        this.#log.write('warn', 'swim.snapshot-failed', { error: String(error) })
        return
      }
    }
  }

  #writeOf([peer, addresses]: readonly [PeerId, readonly string[] | null]): Write[] {
    const key = PREFIX + peer
    const value = addresses === null ? null : encode(addresses)
    const before = this.#database.latest(key)
    const same = before !== undefined && value !== null && Buffer.compare(before, value) === 0
    return same ? [] : [{ key, value }]
  }
}

function encode(addresses: readonly string[]): Uint8Array {
  const out = new WireWriter()
  return out.list(addresses, (to, address) => void to.bytes(utf8(address))).finish()
}

function decode(value: Uint8Array): readonly string[] | null {
  try {
    return new WireReader(value)
      .list(ADDRESSES_MAX, (from) => utf8ToText(from.bytes(ADDRESS_BYTES_MAX)))
      .filter((address) => address !== null)
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}
