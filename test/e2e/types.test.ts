/** The published types: a strict program without any types of Node is checked against them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const TSC = join(ROOT, 'node_modules/.bin/tsc')
const STRICT = ['--noEmit', '--strict', '--module', 'nodenext', '--moduleResolution', 'nodenext']

const PROGRAM = `
import { AtollError, createNode, type RegRead, type Status, type Value } from 'atolld'
import { connect, type NodeApi } from 'atolld/client'

await using node = await createNode({ dataDir: './data', init: true })
const written = await node.kv.put('color', { shade: ['blue', null] }, { write: 'all' })
const acks: number = written.acks
const status: Status = await node.status()
for await (const { member } of node.member.watch({ signal: AbortSignal.timeout(5) })) {
  const state: 'alive' | 'suspect' | 'dead' | 'left' | 'removed' = member.state
}
const read: RegRead | null = await node.reg.update('n', (n) => Number(n ?? 0) + 1)
const { version } = await node.reg.cas('n', 5, { ifVersion: read?.version ?? '', opId: 'x' })
for await (const event of node.reg.watch('n', { after: version })) {
  const now: Value | undefined = event.kind === 'value' ? event.value : undefined
}
const other = await connect({ socket: '/x' })
const both: readonly NodeApi[] = [node, other]
await other.close().catch((error: unknown) => error instanceof AtollError && error.outcome)
`
const WRONG = `
import { createNode } from 'atolld'
const node = await createNode({ wrong: 1 })
`

describe('the published types', function () {
  this.timeout(60_000)
  const app = mkdtempSync(join(tmpdir(), 'atoll-types-'))
  const pack = join(app, 'node_modules/atolld')
  before(() => {
    mkdirSync(pack, { recursive: true })
    copyFileSync(join(ROOT, 'package.json'), join(pack, 'package.json'))
    const types = join(pack, 'dist/types')
    execFileSync(TSC, ['-p', join(ROOT, 'src/tsconfig.types.json'), '--outDir', types])
  })
  after(() => rmSync(app, { recursive: true, force: true }))

  function check(program: string): string {
    const file = join(app, 'app.mts')
    writeFileSync(file, program)
    try {
      return execFileSync(TSC, [...STRICT, '--target', 'es2022', file], { cwd: app }).toString()
    } catch (error) {
      return (error as { readonly stdout: Buffer }).stdout.toString()
    }
  }

  it('fit a strict program', () => assert.equal(check(PROGRAM), ''))

  it('refuse a wrong one', () => assert.match(check(WRONG), /app\.mts.*'wrong' does not exist/))

  it('hold no tests', () => {
    assert.deepEqual(globSync('dist/types/*', { cwd: pack }), ['dist/types/src'])
  })
})
