/**
 * Imports modules of ours with one place in the source changed: how a test shows that it would
 * notice. The product holds no switch for this, and the tree is not touched: a hook gives each
 * mutant its own copy of what changed and of the modules that lead to it. All others are shared.
 */
import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import fc from 'fast-check'
import { leadingTo } from './leading-to.ts'

export interface Mutation {
  /** Path below `src`. */
  readonly file: string
  /** A text that the file has once. */
  readonly from: string
  readonly to: string
}

export interface Mutant extends Mutation {
  readonly name: string
  /** Paths below `test`, without the ending; one of their tests must fail. */
  readonly suites: readonly string[]
  /** Which tests of the suites may notice; all when absent. */
  readonly tests?: RegExp
}

/** A mutant as a line of a table, by the short names of one layer's suites and files. */
export type MutantRow<Suite extends string> = readonly [
  name: string,
  suite: Suite,
  file: string,
  from: string,
  to: string,
  tests: RegExp,
]

type Test = readonly [name: string, run: () => unknown]

const ROOT = new URL('../', import.meta.url).href
/** A mutant may wait for what never comes. */
const HANGING_MS = 8_000
/** What hangs may have taken time away from all in this process, and gives it back when it ends. */
const ENDING_MS = 8_000
const { setTimeout, clearTimeout } = globalThis

/**
 * The module at `entry` (a path from the root), changed in one place of one or several files that
 * loading it loads.
 */
export async function importMutant<T>(
  entry: string,
  mutations: Mutation | readonly Mutation[],
): Promise<T> {
  const list = [mutations].flat()
  const query = `?mutant=${Buffer.from(JSON.stringify(list)).toString('base64url')}`
  const targets = new Map(list.map((each) => [`${ROOT}src/${each.file}`, each]))
  const own = leadingTo(new Set(targets.keys()), `${ROOT}${entry}`)
  for (const url of targets.keys()) assert.ok(own.has(url), `${entry} loads ${url}`)
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      const inherits = context.parentURL?.endsWith(query) === true && own.has(resolved.url)
      return inherits ? { ...resolved, url: `${resolved.url}${query}` } : resolved
    },
    load(url, context, next) {
      const loaded = next(url, context)
      const mutation = url.endsWith(query) ? targets.get(url.slice(0, -query.length)) : undefined
      return mutation === undefined
        ? loaded
        : { ...loaded, source: mutated(loaded.source, mutation) }
    },
  })
  try {
    return (await import(`${ROOT}${entry}${query}`)) as T
  } finally {
    hooks.deregister()
  }
}

function mutated(source: unknown, { file, from, to }: Mutation): string {
  const text = typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString()
  assert.equal(text.split(from).length, 2, `${file} has this once: ${from}`)
  return text.replace(from, () => to)
}

/** A suite of tests that hunts these mutants. */
export function describeMutants(title: string, mutants: readonly Mutant[]): void {
  describe(title, () => {
    /** Of the runner, which is there only once it runs. */
    let others: ReturnType<typeof process.rawListeners> = []
    const chances = fc.readConfigureGlobal() ?? {}

    before(() => {
      // That something fails is all there is to know: nobody looks for the smallest that does.
      fc.configureGlobal({ ...chances, endOnFailure: true })
      others = process.rawListeners('unhandledRejection')
      // What a mutant leaves behind once its test has failed is nobody's.
      process.removeAllListeners('unhandledRejection')
      process.on('unhandledRejection', () => undefined)
    })

    after(() => {
      fc.configureGlobal(chances)
      process.removeAllListeners('unhandledRejection')
      for (const each of others) {
        process.on('unhandledRejection', each as NodeJS.UnhandledRejectionListener)
      }
    })

    for (const mutant of mutants) {
      it(`${mutant.name}: noticed`, async () => {
        assert.ok(await isNoticed(mutant), 'no test fails')
      })
    }
  })
}

/** A suite that does not load what changed cannot notice. */
function loads(entry: string, { file }: Mutation): boolean {
  return leadingTo(new Set([`${ROOT}src/${file}`]), `${ROOT}${entry}`).size > 0
}

async function isNoticed(mutant: Mutant): Promise<boolean> {
  const suites = mutant.suites.filter((suite) => loads(`test/${suite}.ts`, mutant))
  assert.ok(suites.length > 0, `no suite loads ${mutant.file}`)
  for (const suite of suites) {
    const tests = (await testsOf(suite, mutant)).filter(
      ([name]) => mutant.tests?.test(name) ?? true,
    )
    assert.ok(tests.length > 0, `${suite} has tests of this name`)
    for (const [, run] of tests) if (!(await passes(run))) return true
  }
  return false
}

/** The tests of a suite, gathered instead of run. */
async function testsOf(suite: string, mutation: Mutation): Promise<Test[]> {
  const tests: Test[] = []
  const { describe: realDescribe, it: realIt } = globalThis
  const gather = (name: string, run: () => unknown): object => {
    tests.push([name, run])
    return { timeout: () => undefined }
  }
  Object.assign(globalThis, { describe: (_: string, run: () => void) => run(), it: gather })
  try {
    const { file, from, to } = mutation
    await importMutant(`test/${suite}.ts`, { file, from, to })
  } finally {
    Object.assign(globalThis, { describe: realDescribe, it: realIt })
  }
  return tests
}

async function passes(run: () => unknown): Promise<boolean> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('it hangs')), HANGING_MS)
  const running = Promise.resolve().then(run)
  try {
    await Promise.race([running, late])
    return true
  } catch {
    await settled(running, ENDING_MS)
    return false
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves when it has ended, or after that time. */
async function settled(work: Promise<unknown>, mostMs: number): Promise<void> {
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, mostMs)
  await Promise.race([Promise.allSettled([work]), over.promise])
  clearTimeout(timer)
}
