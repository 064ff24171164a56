/**
 * Loaded with `--import` by mutants.ts: replaces pieces of text in source files as they are loaded.
 * The files on disk stay as they are, and no switch for it exists in the product. ATOLL_MUTANT is
 * a patch or a list of patches, as JSON.
 */
import { registerHooks } from 'node:module'

export interface Patch {
  /** End of the file's path. */
  readonly file: string
  readonly from: string
  readonly to: string
}

export interface Mutant extends Patch {
  readonly name: string
  readonly scenario: string
  /** Seeds from the first on in which it shows; 200 when absent. */
  readonly within?: number
  /** What else it takes. */
  readonly also?: readonly Patch[]
}

const text = process.env['ATOLL_MUTANT']
if (text !== undefined) {
  for (const patch of [JSON.parse(text) as Patch | Patch[]].flat()) plant(patch)
}

function plant(patch: Patch): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (!url.endsWith(patch.file)) return loaded
      const source = new TextDecoder().decode(bytesOf(loaded.source))
      if (source.split(patch.from).length !== 2) {
        console.error(`mutant: ${patch.file} does not hold the text exactly once: ${patch.from}`)
        process.exit(3)
      }
      return { ...loaded, source: source.replace(patch.from, () => patch.to) }
    },
  })
}

function bytesOf(source: unknown): Uint8Array {
  return typeof source === 'string' ? Buffer.from(source) : (source as Uint8Array)
}
