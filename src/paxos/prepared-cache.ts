/**
 * What a proposer may build on without asking first (REGISTERS.md §2, "1 RTT"): a register that it
 * knows to be the newest below a ballot for which it holds a majority of promises. Bounded by bytes;
 * the least recently used goes first and costs its next change one more round.
 */
import { UNITS_PER_MS } from '../base/hybrid-time.ts'
import { type Ballot, compareBallots } from './ballot.ts'
import { CACHE_BYTES, SETTLED_MS } from './limits.ts'
import type { Register } from './register.ts'

export interface Ready {
  readonly register: Register
  /** Promised by a majority that shows `register` as its newest vote, and not used yet. */
  readonly ballot: Ballot
}

/** Of one entry, beside key and value: about what it takes in memory. */
const ENTRY_BYTES = 512
const CHANGE_BYTES = 256
const REMEMBERED_BYTES = 160

export class PreparedCache {
  readonly #bytesMax: number
  /** In order of use, oldest first. */
  readonly #entries = new Map<string, { readonly ready: Ready; readonly bytes: number }>()
  #bytes = 0

  constructor(bytesMax: number = CACHE_BYTES) {
    this.#bytesMax = bytesMax
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Takes the entry out: its ballot can be used once. Null when there is none of this `cfg`, and, for
   * a change (`wallMs`: now), when it is of a register without a value and not quite new: such a one is
   * forgotten some time later, its promise with it, and a change that builds on it is refused, and
   * left in doubt.
   */
  take(key: string, cfg: number, wallMs: number | null): Ready | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    this.drop(key)
    const { register, ballot } = entry.ready
    const isNew = wallMs === null || wallMs - ballot.counter / UNITS_PER_MS < SETTLED_MS
    return ballot.cfg === cfg && (register.kind !== 'absent' || isNew) ? entry.ready : null
  }

  has(key: string, cfg: number): boolean {
    return this.#entries.get(key)?.ready.ballot.cfg === cfg
  }

  put(key: string, ready: Ready): void {
    this.drop(key)
    const bytes = bytesOf(key, ready)
    this.#entries.set(key, { ready, bytes })
    this.#bytes += bytes
    if (this.#bytes > this.#bytesMax) this.#dropOldest()
  }

  drop(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }

  /** Somebody else has proposed above it: its ballot can come to nothing any more. */
  dropBelow(key: string, ballot: Ballot): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined && compareBallots(entry.ready.ballot, ballot) < 0) this.drop(key)
  }

  #dropOldest(): void {
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) return
      this.drop(oldest)
    }
  }
}

function bytesOf(key: string, { register }: Ready): number {
  const { value, recent } = register
  const named = recent.reduce((sum, { operations }) => sum + operations.length, 0)
  const remembered = recent.length * CHANGE_BYTES + named * REMEMBERED_BYTES
  return ENTRY_BYTES + key.length + value.length + remembered
}
