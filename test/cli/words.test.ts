/** What people are told to do next: hints, help, and lists that can be read. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readyText } from '../../src/cli/dev/run.ts'
import { OTHER_WORDS } from '../../src/cli/refused.ts'
import { CliRig } from './cli-rig.ts'

describe('what people are told', () => {
  let cli: CliRig
  beforeEach(async () => {
    cli = await CliRig.open()
  })
  afterEach(() => cli.close())

  const REFUSED: readonly (readonly [string, string])[] = [
    ['kv put', "missing required argument 'key'. See: atoll kv put --help"],
    [
      'kv get a b',
      "too many arguments for 'get'. Expected 1 argument but got 2. See: atoll kv get --help",
    ],
    ['kv frob', "unknown command 'frob'. See: atoll kv --help"],
    ['frob', "unknown command 'frob'. See: atoll --help"],
    ['kv help frob', "unknown command 'frob'. See: atoll --help"],
    ['kv gett k', "unknown command 'gett' (Did you mean get?). See: atoll kv --help"],
    ['get k', "unknown command 'get'. Here it is: atoll kv get"],
    ['kv rm k', "unknown command 'rm'. Here it is: atoll kv del"],
    ['kv counter sub k 2', "unknown command 'sub'. Here it is: atoll kv counter add KEY -N"],
    ['kv expire k 10s', "unknown command 'expire'. Here it is: atoll kv put KEY VALUE --ttl 10s"],
    ['kv set has k a', "unknown command 'has'. Here it is: atoll kv set ls"],
    ['kv get --prefix a', "unknown option '--prefix'. A prefix is an argument: atoll kv ls PREFIX"],
    [
      'kv watch --prefix=a',
      "unknown option '--prefix=a'. A prefix is an argument: atoll kv watch PREFIX",
    ],
    [
      'kv del --prefix a',
      "unknown option '--prefix'. Keys are deleted one by one; their names: atoll -o raw kv ls PREFIX",
    ],
    ['kv put k v --lease 7', "unknown option '--lease'. A value ends by: --ttl 10s"],
    [
      '--context dev/b kv get k',
      "unknown option '--context'. A daemon is chosen by its name: --at NAME",
    ],
    ['kv ls --context b', "unknown option '--context'. A daemon is chosen by its name: --at NAME"],
    [
      'kv put k v --nx',
      'the store takes every write: it knows no conditions. Registers do: atoll reg set --help',
    ],
    ['kv get -recurse', "unknown option '-recurse'. A prefix is an argument: atoll kv ls PREFIX"],
    [
      'lock acquire x',
      "unknown command 'lock'. It is not in this version; " +
        'nearest: atoll reg set KEY VALUE --if-absent (it holds until it is deleted)',
    ],
    ['frob --help', "unknown command 'frob'. See: atoll --help"],
    ['get -h', "unknown command 'get'. Here it is: atoll kv get"],
    ['kv gett --help', "unknown command 'gett' (Did you mean get?). See: atoll kv --help"],
    ['dev frob --help', "unknown command 'frob'. See: atoll dev --help"],
    ['dev resume a', "unknown command 'resume'. Here it is: atoll dev heal"],
    ['dev frob', "unknown command 'frob'. See: atoll dev --help"],
    ['kv set k v', "unknown command 'k'. A value is stored by: atoll kv put KEY VALUE"],
    ['constructor', "unknown command 'constructor'. See: atoll --help"],
    ['help frob', "unknown command 'frob'. See: atoll --help"],
    ['--frob status', "unknown option '--frob'. See: atoll --help"],
    [
      'kv put k -v',
      "unknown option '-v'. Write -- before a value that begins with a dash; see: atoll kv put --help",
    ],
    [
      'kv put k v --if-version 7k2',
      'the store takes every write: it knows no conditions. Registers do: atoll reg set --help',
    ],
    [
      'kv del k --if-absent',
      'the store takes every write: it knows no conditions. Registers do: atoll reg set --help',
    ],
    [
      'kv put k v --fence 1',
      'the store takes every write: it knows no conditions. Registers do: atoll reg set --help',
    ],
    ['reg incr k five', 'by must be a whole number, not "five". See: atoll reg incr --help'],
    [
      'reg incr k 99999999999999999999',
      'by must be a number up to 9007199254740991, not "99999999999999999999". ' +
        'See: atoll reg incr --help',
    ],
    [
      'reg incr k -x',
      "unknown option '-x'. Write -- before a value that begins with a dash; see: atoll reg incr --help",
    ],
    ['member tag nothing', '"nothing" is not key=value. See: atoll member tag --help'],
    ['kv put k @', '"@" names no file. Write @FILE, - for standard input, or @@ for the text @'],
    ['kv put k @/none', '/none cannot be read (ENOENT). See: atoll kv put --help'],
    [
      '--timeout 2 status',
      "option '--timeout <duration>' argument '2' is invalid. " +
        '"2" is no duration, such as 2s, 500ms or 1h30m. See: atoll --help',
    ],
    [
      'kv put k v --ttl 0s',
      "option '--ttl <duration>' argument '0s' is invalid. " +
        '"0s" is too short: 1ms is the least. See: atoll kv put --help',
    ],
  ]
  for (const [words, expected] of REFUSED) {
    it(`atoll ${words}`, async () => {
      const { status, out, err } = await cli.run(...words.split(' '))
      assert.deepEqual([status, out, err], [2, '', `error USAGE: ${expected}\n`])
    })
  }

  it('help has first what a command has of its own', async () => {
    const { out } = await cli.bare('kv', '--help')
    const titles = out.split('\n').filter((line) => /^[A-Z].*:$/.test(line))
    assert.deepEqual(titles, ['Options:', 'Commands:', 'Global Options:'])
    assert.match(out, /--timeout .*\n$/)
  })

  it('words of other stores lead to commands, and are none themselves', async () => {
    for (const [group, words] of Object.entries(OTHER_WORDS)) {
      const at = group.split(' ').filter((word) => word !== '')
      for (const [word, target] of Object.entries(words)) {
        assert.match((await cli.bare(...at, word)).err, /^error USAGE: unknown command /)
        const command = target.split(' ').filter((each) => /^[a-z]+$/.test(each))
        const { out } = await cli.bare(...command, '--help')
        assert.ok(out.startsWith(`Usage: atoll ${command.join(' ')} [`), target)
      }
    }
  })

  it('a value behind -- may begin with a dash', async () => {
    assert.equal((await cli.run('kv', 'put', '--', 'k', '-v')).status, 0)
    assert.equal(cli.rig.node.values.get('k'), '-v')
  })

  it('help shows the help, of a command its own', async () => {
    for (const words of [[], ['kv'], ['kv', 'put']]) {
      const asked = await cli.bare('help', ...words)
      assert.equal(asked.status, 0)
      assert.equal(asked.out, (await cli.bare(...words, '--help')).out)
      assert.match(asked.out, new RegExp(`^Usage: ${['atoll', ...words].join(' ')} \\[`))
      if (words.length === 0) continue
      const [noun = '', ...verb] = words
      assert.equal((await cli.bare(noun, 'help', ...verb)).out, asked.out)
    }
  })

  it('help says what happens without a level', async () => {
    for (const words of [
      ['kv', 'put'],
      ['kv', 'get'],
    ]) {
      const { out } = await cli.bare(...words, '--help')
      assert.match(out.replace(/\s+/g, ' '), /by default a majority, or what can be had/)
    }
  })

  it('one long key pads no other row', async () => {
    const { values } = cli.rig.node
    const long = 'k'.repeat(200)
    for (const key of ['a', 'key', long]) values.set(key, 'v')
    const { out } = await cli.run('kv', 'ls')
    assert.equal(out, `a    v\nkey  v\n${long}  v\n`)
  })

  it('a ticket that is not known is not revoked, and that is said', async () => {
    const { status, out } = await cli.run('ticket', 'revoke', 'atoll1other')
    assert.equal(status, 0)
    assert.match(out, /^nothing to revoke: no such ticket is in force/)
    const json = await cli.run('ticket', 'revoke', 'atoll1other', '-o', 'json')
    assert.deepEqual(JSON.parse(json.out), { revoked: false })
  })

  it('a dead daemon of the throw-away mesh is healed, or another one asked', async () => {
    const directory = join(cli.dir, 'atoll')
    mkdirSync(directory, { recursive: true })
    const control = join(cli.dir, 'control.sock')
    const entry = (name: string) => ({ socket: join(cli.dir, `${name}.sock`), control })
    const contexts = { 'dev/a': entry('a'), 'dev/b': entry('b') }
    const file = join(directory, 'contexts.json')
    writeFileSync(file, JSON.stringify({ current: 'dev/a', contexts }))
    const gone = await cli.bare('status')
    assert.match(gone.err, /\. The mesh is gone; start one with: atoll dev\n$/)
    writeFileSync(control, '')
    const dead = await cli.bare('status')
    assert.equal(dead.status, 3)
    const hint = 'Start it again with: atoll dev heal a, or ask another daemon with --at b'
    assert.ok(dead.err.endsWith(`. ${hint}\n`), dead.err)
  })

  it('a setting that is not given is a dash', async () => {
    const { status, out } = await cli.bare('config', 'show')
    assert.equal(status, 0)
    assert.match(out, /^metrics +- +default$/m)
    assert.doesNotMatch(out, /null/)
  })

  it('config validate does not send people to config validate', async () => {
    const file = join(cli.dir, 'bad.json')
    writeFileSync(file, '{"nme":1}')
    const { status, err } = await cli.bare('config', 'validate', file)
    assert.equal(status, 2)
    assert.equal(err, `error CONFIG_INVALID: ${file}: "nme" is no setting\n`)
  })

  it('a mesh names only daemons that it has', () => {
    const ready = { readyMs: 1, toleratesFailures: 0, context: 'dev/a', directory: '/tmp/x' }
    const alone = readyText({ ...ready, nodes: ['a'] }, 'atoll')
    assert.doesNotMatch(alone, /kill|heal|--at/)
    const three = readyText({ ...ready, nodes: ['a', 'b', 'c'] }, 'atoll')
    assert.match(three, /--at c kv get color\n.*reg set cfg v1\n.*dev kill b/)
  })
})
