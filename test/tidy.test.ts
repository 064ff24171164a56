/**
 * The rules of the code, held by a test: imports point down only, cores reach the world through
 * the seams alone, sizes stay readable, and the error table and the README name the same codes.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { ERRORS } from '../src/base/errors.ts'

const ROOT = resolve(import.meta.dirname, '..')

/** Lowest first: a layer imports from itself and from those before it. */
const LAYERS = [
  'base',
  'seams',
  'wire',
  'disk',
  'mesh',
  'kad',
  'swim',
  'topology',
  'paxos',
  'store',
  'node',
  'rpc',
  'daemon',
  'cli',
]
/** Beside the ladder: what a layer may not import although it stands below, or may although not. */
const ADAPTERS_MAY = ['base', 'seams', 'adapters']
const MAY_IMPORT_ADAPTERS = ['daemon']
/** Only these may touch the clock, chance, the process, the console, files and sockets. */
const WORLDLY = ['adapters', 'rpc', 'daemon', 'cli']
const TOP_LEVEL = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'bin',
  'configs',
  'package-lock.json',
  'package.json',
  'src',
  'test',
  'tsconfig.json',
  'biome.json',
]
const UNTRACKED = ['node_modules', 'dist', 'coverage']

const BANNED: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\(/, 'the wall clock'],
  [/\bperformance\.now\b/, 'the monotonic clock'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\(/, 'a timer'],
  [/\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b/, 'chance'],
  [/\bprocess\./, 'the process'],
  [/\bconsole\./, 'the console'],
  [/from 'node:(fs|net|os|child_process|worker_threads|timers)/, 'the system'],
]
const ADAPTER_PACKAGES =
  /from '(libp2p|@libp2p\/|@chainsafe\/|@multiformats\/|classic-level|datastore-level|pino)/

interface Source {
  readonly path: string
  readonly layer: string
  readonly text: string
}

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return []
  // The benchmark has its own packages.
  const names = readdirSync(folder).filter((name) => name !== 'node_modules')
  return names.flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return filesUnder(path)
    return path.endsWith('.ts') ? [path] : []
  })
}

function sourcesUnder(folder: string): Source[] {
  return filesUnder(join(ROOT, folder)).map((file) => {
    const path = relative(ROOT, file)
    const [, layer = '', rest] = path.split('/')
    return {
      path,
      layer: rest === undefined ? 'top' : layer,
      text: withoutComments(readFileSync(file, 'utf8')),
    }
  })
}

/** Blanks comments, so that prose may speak of what code may not do. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, (comment) =>
    comment.replace(/[^\n]/g, ' '),
  )
}

function importsOf(source: Source): string[] {
  const found = source.text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)
  return [...found].map(([, target = '']) =>
    relative(join(ROOT, 'src'), resolve(ROOT, dirname(source.path), target)),
  )
}

/** What tests import from src, as `path name`. */
function namesInTests(): Set<string> {
  const imports = sourcesUnder('test').flatMap(({ path, text }) =>
    [...text.matchAll(/\bimport \{([^}]*)\} from '(\.[^']+)'/g)].map(
      ([, names = '', target = '']) => {
        const file = relative(ROOT, resolve(ROOT, dirname(path), target))
        return [...names.matchAll(/(?:^|,)\s*(\w+)/g)].map(([, name]) => `${file} ${name}`)
      },
    ),
  )
  return new Set(imports.flat())
}

function mayImport(layer: string, target: string): boolean {
  if (layer === 'top') return true
  if (layer === 'adapters') return ADAPTERS_MAY.includes(target)
  if (target === 'adapters') return MAY_IMPORT_ADAPTERS.includes(layer)
  return LAYERS.indexOf(target) <= LAYERS.indexOf(layer) && LAYERS.includes(target)
}

describe('tidy', () => {
  const sources = sourcesUnder('src')

  it('knows every folder of src', () => {
    const folders = new Set(sources.map(({ layer }) => layer))
    for (const layer of folders) {
      assert.ok(['top', 'adapters', ...LAYERS].includes(layer), `src/${layer} is no known layer`)
    }
  })

  it('imports point down only', () => {
    const wrong = sources.flatMap((source) =>
      importsOf(source)
        .map((target) => [target, target.split('/')[0] ?? ''] as const)
        .filter(([, layer]) => !mayImport(source.layer, layer))
        .map(([target]) => `${source.path} imports ${target}`),
    )
    assert.deepEqual(wrong, [])
  })

  it('cores reach time, chance, disk and process only through the seams', () => {
    const wrong = sources
      .filter(({ layer }) => !WORLDLY.includes(layer) && layer !== 'top')
      .flatMap(({ path, text }) =>
        BANNED.filter(([pattern]) => pattern.test(text)).map(([, what]) => `${path}: ${what}`),
      )
    assert.deepEqual(wrong, [])
  })

  it('only adapters name the packages behind the seams', () => {
    const wrong = sources
      .filter(({ layer }) => layer !== 'adapters')
      .filter(({ text }) => ADAPTER_PACKAGES.test(text))
      .map(({ path }) => path)
    assert.deepEqual(wrong, [])
  })

  it('has no default exports, enums, namespaces, or switched-off checks', () => {
    const banned =
      /export default|^(export )?(const )?enum |^(export )?namespace |@ts-ignore|@ts-nocheck|@ts-expect-error|: any\b|as any\b|<any>/m
    const wrong = [...sources, ...sourcesUnder('bin'), ...sourcesUnder('test')]
      .filter(({ path }) => path !== 'test/tidy.test.ts')
      .filter(({ text }) => banned.test(text))
      .map(({ path }) => path)
    assert.deepEqual(wrong, [])
  })

  it('keeps state out of modules', () => {
    const wrong = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/^(?:export )?let \w+/gm)].map(([line]) => `${path}: ${line}`),
    )
    assert.deepEqual(wrong, [])
  })

  it('opens every file of src with a head comment', () => {
    const wrong = sources
      .map(({ path }) => path)
      .filter((path) => !/^(#!.*\n)?\/\*\*/.test(readFileSync(join(ROOT, path), 'utf8')))
    assert.deepEqual(wrong, [])
  })

  it('keeps files and lines readable', () => {
    const files = filesUnder(join(ROOT, 'src')).map((file) =>
      readFileSync(file, 'utf8').split('\n'),
    )
    const paths = filesUnder(join(ROOT, 'src')).map((file) => relative(ROOT, file))
    const long = files.flatMap((lines, i) =>
      lines.length > 420 ? [`${paths[i]}: ${lines.length} lines`] : [],
    )
    const wide = files.flatMap((lines, i) =>
      lines.flatMap((line, n) => (line.length > 120 ? [`${paths[i]}:${n + 1}`] : [])),
    )
    assert.deepEqual([...long, ...wide], [])
  })

  it('tests every decoder by its name', () => {
    const tested = namesInTests()
    const wrong = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/^export (?:async )?(?:function\*?|const) (decode\w*)/gm)]
        .map(([, name]) => `${path} ${name}`)
        .filter((decoder) => !tested.has(decoder)),
    )
    assert.deepEqual(wrong, [])
  })

  it('gives every layer a README of at most 150 lines', () => {
    const wrong = [...LAYERS, 'adapters']
      .filter((layer) => !['base', 'seams'].includes(layer))
      .map((layer) => `src/${layer}/README.md`)
      .filter((path) => {
        const file = join(ROOT, path)
        return !existsSync(file) || readFileSync(file, 'utf8').split('\n').length > 151
      })
    assert.deepEqual(wrong, [])
  })

  it('keeps the top level as agreed', () => {
    const extra = readdirSync(ROOT).filter(
      (name) => !name.startsWith('.') && !TOP_LEVEL.includes(name) && !UNTRACKED.includes(name),
    )
    assert.deepEqual(extra, [])
  })

  it('documents every error code, and no other', () => {
    const readme = readFileSync(join(ROOT, 'src/rpc/README.md'), 'utf8')
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` +\| (-?\d+) +\| (\d+) +\|/gm)]
    const documented = rows.map(([, code, rpc, exit]) => `${code} ${rpc} ${exit}`)
    const table = Object.entries(ERRORS).map(([code, row]) => `${code} ${row.rpc} ${row.exit}`)
    assert.deepEqual(documented, table)
  })

  it('numbers every error once', () => {
    const numbers = Object.values(ERRORS).map(({ rpc }) => rpc)
    assert.equal(new Set(numbers).size, numbers.length)
  })
})
