/** Which of our modules lead to which others, as their sources say; the order is of no meaning. */
import { readFileSync } from 'node:fs'

/** Erased when the types are: these load nothing. */
const TYPES = /^(?:import|export) type (?:\w+|\{[^}]*\}|\* as \w+) from '[^']*'/gm
/** Of our own files alone; one in a comment too many does no harm. */
const IMPORTS = /\b(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+\.ts)'/g

/** What was read of a module stays read: the tree does not change while tests run. */
const imports = new Map<string, readonly string[]>()

/** Those of `targets`, and of the modules between, that loading `entry` loads. All are URLs. */
export function leadingTo(targets: ReadonlySet<string>, entry: string): ReadonlySet<string> {
  const importers = new Map<string, string[]>([[entry, []]])
  for (const url of importers.keys()) {
    for (const imported of importsOf(url)) {
      const known = importers.get(imported)
      if (known === undefined) importers.set(imported, [url])
      else known.push(url)
    }
  }
  const found = new Set([...targets].filter((url) => importers.has(url)))
  for (const url of found) for (const importer of importers.get(url) ?? []) found.add(importer)
  return found
}

function importsOf(url: string): readonly string[] {
  const known = imports.get(url)
  if (known !== undefined) return known
  const source = readFileSync(new URL(url), 'utf8').replaceAll(TYPES, '')
  const found = [...source.matchAll(IMPORTS)].map(([, path = '']) => new URL(path, url).href)
  imports.set(url, found)
  return found
}
