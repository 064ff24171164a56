/**
 * The contexts that this node last showed for keys, so that a client which writes in sequence
 * through its daemon replaces its own writes without carrying versions around. Bounded: the least
 * recently used goes first, and then a blind write replaces what its coordinator holds.
 *
 * An addition to a set shows nothing, and is in here all the same: else a delete that follows it
 * through another coordinator would leave what was added. It covers what its coordinator held then,
 * which a blind write through that one would have replaced as well; nobody is given it.
 */
import { RecentMap } from '../base/recent-map.ts'
import { type Context, EMPTY_CONTEXT, joinContexts } from './version-vector.ts'

export class ContextCache {
  readonly #contexts: RecentMap<Context>

  constructor(entriesMax = 4096) {
    this.#contexts = new RecentMap(entriesMax)
  }

  get size(): number {
    return this.#contexts.size
  }

  get(key: string): Context {
    return this.#contexts.get(key) ?? EMPTY_CONTEXT
  }

  /** Of single writes only the last are kept, so that an entry does not grow with each. */
  saw(key: string, context: Context): void {
    const { vector, sums } = this.get(key)
    this.#contexts.set(key, joinContexts({ vector, dots: [], sums }, context))
  }
}
