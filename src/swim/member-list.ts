/**
 * The members as believed now, self included. Knows nothing of rules: it holds, counts and picks.
 */
import type { PeerId } from '../base/ids.ts'
import type { Random } from '../seams/random.ts'
import { isUp } from './claim.ts'
import { MEMBERS_MAX } from './limits.ts'
import type { Member } from './member.ts'

export interface Held {
  readonly member: Member
  /** Version of the facts in `member`. */
  readonly version: number
}

export class MemberList {
  readonly #byId = new Map<PeerId, Held>()
  /** The same ids in an order that picks may change; made anew after a removal. */
  #ids: PeerId[] = []
  #idsValid = true
  #up = 0
  #list: readonly Member[] | null = null

  get size(): number {
    return this.#byId.size
  }

  /** Alive or suspect, self included: the n of all formulas. */
  get up(): number {
    return this.#up
  }

  get full(): boolean {
    return this.#byId.size >= MEMBERS_MAX
  }

  get(id: PeerId): Held | undefined {
    return this.#byId.get(id)
  }

  put(held: Held): void {
    const before = this.#byId.get(held.member.id)
    if (before === undefined) this.#ids.push(held.member.id)
    else if (isUp(before.member.state)) this.#up--
    if (isUp(held.member.state)) this.#up++
    this.#byId.set(held.member.id, held)
    this.#list = null
  }

  remove(id: PeerId): void {
    const held = this.#byId.get(id)
    if (held === undefined) return
    if (isUp(held.member.state)) this.#up--
    this.#byId.delete(id)
    this.#idsValid = false
    this.#list = null
  }

  values(): Iterable<Held> {
    return this.#byId.values()
  }

  /** The same array until something changes. */
  list(): readonly Member[] {
    this.#list ??= [...this.#byId.values()].map(({ member }) => member)
    return this.#list
  }

  /** Up to `count` distinct members at random that `accept` takes. */
  pick(random: Random, count: number, accept: (member: Member) => boolean): Member[] {
    if (!this.#idsValid) this.#ids = [...this.#byId.keys()]
    this.#idsValid = true
    const ids = this.#ids
    const picked: Member[] = []
    for (let i = 0; i < ids.length && picked.length < count; i++) {
      const j = i + random.int(ids.length - i)
      const id = ids[j] as PeerId
      ids[j] = ids[i] as PeerId
      ids[i] = id
      const held = this.#byId.get(id)
      if (held !== undefined && accept(held.member)) picked.push(held.member)
    }
    return picked
  }
}
