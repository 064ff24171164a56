/**
 * Imports a module of ours with one place in the source changed: how a test shows that it would
 * notice. The change lives in this process only, under a name of its own; the tree is not touched.
 */
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

export interface Mutant {
  /** Path below `src`. */
  readonly file: string
  readonly from: string
  readonly to: string
}

const PARAMETER = 'mutant'

/** The module `entry` (a path seen from `src`) with everything that it imports, changed as told. */
export async function importMutant<T>(entry: string, mutant: Mutant): Promise<T> {
  const root = new URL('../../src/', import.meta.url)
  const tests = new URL('../test/', root)
  const name = encodeURIComponent(`${mutant.file}:${mutant.from}:${mutant.to}`)
  const target = fileURLToPath(new URL(mutant.file, root))
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      const inherits = context.parentURL?.includes(`?${PARAMETER}=`) === true
      const isOurs =
        [root, tests].some(({ href }) => resolved.url.startsWith(href)) &&
        !resolved.url.includes('?')
      return inherits && isOurs
        ? { ...resolved, url: `${resolved.url}?${PARAMETER}=${name}` }
        : resolved
    },
    load(url, context, next) {
      const loaded = next(url, context)
      const { pathname, search } = new URL(url, root)
      if (!search.includes(PARAMETER) || fileURLToPath(`file://${pathname}`) !== target)
        return loaded
      const given = loaded.source ?? ''
      const source = typeof given === 'string' ? given : new TextDecoder().decode(given)
      if (source.split(mutant.from).length !== 2) {
        throw new Error(`${mutant.file} does not have this place once: ${mutant.from}`)
      }
      return { ...loaded, source: source.replace(mutant.from, () => mutant.to) }
    },
  })
  try {
    return (await import(`${new URL(entry, root).href}?${PARAMETER}=${name}`)) as T
  } finally {
    hooks.deregister()
  }
}
