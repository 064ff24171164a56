/**
 * The timers of the core: at most one of each kind for each subject, in one heap, with one
 * deadline for the shell to wait for. Timers of the same instant run in the order they were set.
 */
export interface Due<K extends string> {
  readonly kind: K
  readonly subject: string
  readonly at: number
}

interface Entry<K extends string> extends Due<K> {
  readonly order: number
  live: boolean
}

export class Timetable<K extends string> {
  /** Binary heap by (at, order); holds cancelled entries until they surface or outnumber the rest. */
  #heap: Entry<K>[] = []
  readonly #live = new Map<string, Entry<K>>()
  #order = 0

  get size(): number {
    return this.#live.size
  }

  /** Infinity when nothing is set. */
  get deadline(): number {
    this.#dropDead()
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  at(kind: K, subject = ''): number | undefined {
    return this.#live.get(`${kind} ${subject}`)?.at
  }

  /** Replaces the timer of the same kind and subject. */
  set(kind: K, subject: string, at: number): void {
    this.cancel(kind, subject)
    const entry: Entry<K> = { kind, subject, at, order: this.#order++, live: true }
    this.#live.set(`${kind} ${subject}`, entry)
    this.#push(entry)
  }

  cancel(kind: K, subject = ''): void {
    const key = `${kind} ${subject}`
    const entry = this.#live.get(key)
    if (entry === undefined) return
    entry.live = false
    this.#live.delete(key)
    if (this.#heap.length > 2 * this.#live.size + 64) this.#compact()
  }

  /** Takes the next timer that is due, or null. */
  take(now: number): Due<K> | null {
    this.#dropDead()
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return null
    this.#pop()
    this.#live.delete(`${first.kind} ${first.subject}`)
    return first
  }

  clear(): void {
    this.#heap = []
    this.#live.clear()
  }

  #dropDead(): void {
    while (this.#heap[0]?.live === false) this.#pop()
  }

  #compact(): void {
    const entries = [...this.#live.values()].sort(byTime)
    this.#heap = entries // A sorted array is a heap.
  }

  #push(entry: Entry<K>): void {
    const heap = this.#heap
    let i = heap.length
    heap.push(entry)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent] as Entry<K>
      if (byTime(above, entry) <= 0) break
      heap[i] = above
      i = parent
    }
    heap[i] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && byTime(right, heap[child] as Entry<K>) < 0) child++
      if (byTime(last, heap[child] as Entry<K>) <= 0) break
      heap[i] = heap[child] as Entry<K>
      i = child
    }
    heap[i] = last
  }
}

function byTime(a: Entry<string>, b: Entry<string>): number {
  return a.at - b.at || a.order - b.order
}
