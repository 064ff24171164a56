/** Every command in every output format, when it works and when it fails. */
import type { Command } from 'commander'
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AtollError, ERRORS, isErrorCode } from '../../src/base/errors.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { FORMATS } from '../../src/cli/terminal.ts'
import { CliRig } from './cli-rig.ts'

/** A working line for every command; a command without one fails the test. */
const LINES: Readonly<Record<string, readonly string[] | 'elsewhere'>> = {
  status: [],
  init: [],
  join: ['atoll1fake'],
  leave: [],
  explain: ['color'],
  metrics: [],
  version: [],
  completion: ['bash'],
  'kv put': ['color', 'blue'],
  'kv get': ['color'],
  'kv del': ['color'],
  'kv ls': [],
  // Endless: tested by itself.
  'kv watch': 'elsewhere',
  'kv counter add': ['hits', '-5'],
  'kv counter get': ['hits'],
  'kv set add': ['tags', 'red', 'green'],
  'kv set rm': ['tags', 'red'],
  'kv set ls': ['tags'],
  'kv export': [],
  'kv import': ['FILE'],
  'reg get': ['color'],
  'reg set': ['color', 'green', '--deadline', '1s', '--op-id', 'x', '--since', 'v1'],
  'reg cas': ['color', 'green', '--if-version', 'v1'],
  'reg del': ['color', '--if-version', 'v1'],
  'reg incr': ['hits', '-5'],
  'reg ls': ['c', '--limit', '10'],
  // Endless: tested by itself.
  'reg watch': 'elsewhere',
  'member ls': [],
  'member show': ['a'],
  'member tag': ['role=api', 'old='],
  'member remove': ['a'],
  // Endless: tested by itself.
  'member watch': 'elsewhere',
  'ticket create': ['--ttl', '1h', '--uses', '0'],
  'ticket revoke': ['atoll1fake'],
  'topology show': [],
  'topology plan': [],
  'topology move': ['1', '--to', 'c'],
  doctor: [],
  'debug log': ['swim=debug', '--for', '5m'],
  'debug timeline': ['--since', '1h'],
  'context ls': [],
  'context use': ['one'],
  'context add': ['two', '/tmp/two.sock'],
  'context rm': ['one'],
  'config show': [],
  'config validate': ['CONFIG'],
  // With real daemons: test/e2e.
  recover: 'elsewhere',
  dev: 'elsewhere',
  'dev kill': 'elsewhere',
  'dev pause': 'elsewhere',
  'dev cut': 'elsewhere',
  'dev heal': 'elsewhere',
}
/** Always the same, whatever `-o` says: a script, or lines for `kv import`. */
const OF_ONE_FORM = ['completion', 'kv export']
const WITHOUT_DAEMON = [
  'version',
  'completion',
  'context ls',
  'context use',
  'context add',
  'context rm',
  'config show',
]

function commandsOf(): string[] {
  const { program } = buildProgram('atoll', {
    out: () => undefined,
    err: () => undefined,
    drained: () => Promise.resolve(),
    unread: () => new AbortController().signal,
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 80,
  })
  return program.commands.flatMap((command) => wordsOf(command, command.name()))
}

/** What can be done: `dev` by itself too. */
function wordsOf({ commands }: Command, words: string): string[] {
  const own = commands.length === 0 || words === 'dev' ? [words] : []
  return [...own, ...commands.flatMap((child) => wordsOf(child, `${words} ${child.name()}`))]
}

describe('every command in every format', () => {
  let cli: CliRig
  beforeEach(async () => {
    cli = await CliRig.open()
    cli.rig.node.claimed = true
    cli.rig.node.values.set('color', 'blue')
    await cli.rig.node.kv.counter.add('hits', 7)
    await cli.rig.node.reg.set('color', 'blue')
    const one = { current: null, contexts: { one: { socket: cli.rig.path } } }
    writeFileSync(join(cli.dir, 'x.jsonl'), '{"key":"a","value":"1"}\n')
    writeFileSync(join(cli.dir, 'config.json'), '{"name":"x"}')
    mkdirSync(join(cli.dir, 'atoll'), { recursive: true })
    writeFileSync(join(cli.dir, 'atoll', 'contexts.json'), JSON.stringify(one))
  })
  afterEach(() => cli.close())

  it('has a line here', () => {
    assert.deepEqual(commandsOf().sort(), Object.keys(LINES).sort())
  })

  for (const [command, args] of Object.entries(LINES)) {
    if (args === 'elsewhere') continue
    for (const format of FORMATS) {
      it(`${command} -o ${format}`, async () => {
        if (command === 'init') cli.rig.node.claimed = false
        const files: Record<string, string> = {
          FILE: join(cli.dir, 'x.jsonl'),
          CONFIG: join(cli.dir, 'config.json'),
        }
        const words = [...command.split(' '), ...args.map((word) => files[word] ?? word)]
        const { status, out, err } = await cli.run(...words, '-o', format)
        assert.deepEqual([status, err], [0, ''])
        if (OF_ONE_FORM.includes(command)) return assert.notEqual(out, '')
        if (format === 'json') JSON.parse(out)
        if (format === 'jsonl') for (const line of linesOf(out)) JSON.parse(line)
        if (format === 'human') assert.doesNotMatch(out, /undefined|\[object|[^\P{Cc}\n]|^\{/u)
      })

      if (!WITHOUT_DAEMON.includes(command)) {
        it(`${command} -o ${format}, failing`, async () => {
          cli.rig.node.failure = new AtollError('NO_QUORUM', '1 of 3 replicas answered', {
            outcome: 'unknown',
            hint: 'see: atoll explain color',
          })
          const files: Record<string, string> = { FILE: join(cli.dir, 'x.jsonl'), CONFIG: '/none' }
          const words = [...command.split(' '), ...args.map((word) => files[word] ?? word)]
          const { status, out, err } = await cli.run(...words, '-o', format)
          assert.equal(out, '')
          const code =
            format === 'json' || format === 'jsonl'
              ? (JSON.parse(err) as { error: { code: string } }).error.code
              : /^error ([A-Z_]+): /m.exec(err)?.[1]
          assert.ok(code !== undefined && isErrorCode(code), err)
          assert.equal(status, ERRORS[code].exit)
        })
      }
    }
  }
})

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}
