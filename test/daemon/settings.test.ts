/** Settings: where each comes from, what is refused and how that is said, and the shipped files. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseConfig } from '../../src/daemon/config-file.ts'
import { daemonHelp } from '../../src/daemon/help.ts'
import { resolveSettings } from '../../src/daemon/resolve-settings.ts'
import { SETTINGS } from '../../src/daemon/settings.ts'

const CONFIGS = resolve(import.meta.dirname, '../../configs')

describe('settings', () => {
  let dir: string
  let env: Record<string, string>
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-settings-'))
    env = { XDG_CONFIG_HOME: dir, XDG_STATE_HOME: join(dir, 'state'), XDG_RUNTIME_DIR: dir }
    mkdirSync(join(dir, 'atoll'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  function writeConfig(text: string): string {
    const path = join(dir, 'atoll', 'config.json')
    writeFileSync(path, text)
    return path
  }

  it('have defaults', () => {
    const { settings, sources, configFile } = resolveSettings([], env)
    assert.equal(settings.data, join(dir, 'state', 'atoll'))
    assert.equal(settings.socket, join(dir, 'atoll', 'atoll.sock'))
    assert.equal(settings.profile, 'lan')
    assert.equal(sources.profile, 'default')
    assert.equal(configFile, null)
  })

  it('come from the flag, else the environment, else the file, else the default', () => {
    const file = writeConfig('{"name":"file","zone":"file","capacity":3}')
    env['ATOLL_NAME'] = 'env'
    env['ATOLL_ZONE'] = 'env'
    const { settings, sources } = resolveSettings(['--name', 'flag'], env)
    assert.deepEqual([settings.name, sources.name], ['flag', '--name'])
    assert.deepEqual([settings.zone, sources.zone], ['env', 'ATOLL_ZONE'])
    assert.deepEqual([settings.capacity, sources.capacity], [3, file])
    assert.equal(sources.tags, 'default')
  })

  it('serve metrics only where they are told to', () => {
    assert.equal(resolveSettings([], env).settings.metrics, null)
    assert.equal(resolveSettings(['--metrics', '[::1]:0'], env).settings.metrics, '[::1]:0')
    env['ATOLL_METRICS'] = '127.0.0.1:9464'
    assert.equal(resolveSettings([], env).settings.metrics, '127.0.0.1:9464')
    for (const wrong of ['9464', 'example.org:9464', '127.0.0.1:65536']) {
      assert.throws(() => resolveSettings(['--metrics', wrong], env), {
        code: 'CONFIG_INVALID',
        message: /--metrics: .*such as 127\.0\.0\.1:9464/,
      })
    }
  })

  it('take lists and tags from flags and from the environment', () => {
    const listen = ['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1']
    const flags = listen.flatMap((address) => ['--listen', address])
    assert.deepEqual(resolveSettings(flags, env).settings.listen, listen)
    env['ATOLL_LISTEN'] = listen.join(', ')
    env['ATOLL_TAG'] = 'role=api,az=b'
    const { settings } = resolveSettings([], env)
    assert.deepEqual(settings.listen, listen)
    assert.deepEqual(settings.tags, { role: 'api', az: 'b' })
    env['ATOLL_INIT'] = '1'
    assert.equal(resolveSettings([], env).settings.init, true)
  })

  it('refuse what makes no sense, in one sentence that names the culprit', () => {
    const wrong: readonly (readonly [readonly string[], string, RegExp])[] = [
      [['--no-such'], 'USAGE', /--no-such/],
      [['word'], 'USAGE', /word/],
      [['--name'], 'USAGE', /name/],
      [['--name', ''], 'CONFIG_INVALID', /^--name: must not be empty/],
      [['--name', 'a\nb'], 'CONFIG_INVALID', /control characters/],
      [
        ['--listen', 'localhost:80'],
        'CONFIG_INVALID',
        /^--listen: "localhost:80" must be a multiaddr/,
      ],
      [['--capacity', 'much'], 'CONFIG_INVALID', /^--capacity: /],
      [['--partitions', '100'], 'CONFIG_INVALID', /power of two/],
      [['--profile', 'mars'], 'CONFIG_INVALID', /--profile/],
      [['--log-level', 'loud'], 'CONFIG_INVALID', /--log-level/],
      [['--tag', 'x'], 'CONFIG_INVALID', /"x" is not KEY=VALUE/],
      [
        ['--config', '/nonexistent'],
        'CONFIG_INVALID',
        /\/nonexistent: it cannot be read \(ENOENT\)/,
      ],
    ]
    for (const [argv, code, message] of wrong) {
      assert.throws(() => resolveSettings(argv, env), { code, message }, argv.join(' '))
    }
  })

  it('refuse a corrupt file with its name and all that is wrong with it', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['{"name":', /config\.json: it is not JSON/],
      ['[]', /must be a JSON object/],
      ['', /it is not JSON/],
      ['{"nmae":"x","listen":"y"}', /"nmae" is no setting; "listen": must be/],
      [`{"a":${'['.repeat(50)}}`, /too deep/],
      ['{"__proto__":{"init":true}}', /"__proto__" is no setting/],
    ]
    for (const [text, message] of cases) {
      writeConfig(text)
      assert.throws(() => resolveSettings([], env), { code: 'CONFIG_INVALID', message }, text)
    }
  })

  it('are all in the help', () => {
    for (const { flag, env: variable } of Object.values(SETTINGS)) {
      assert.ok(daemonHelp().includes(`--${flag}`))
      assert.ok(daemonHelp().includes(variable))
    }
  })
})

describe('shipped configurations', () => {
  const names = readdirSync(CONFIGS, { recursive: true }) as string[]

  for (const name of names.filter((one) => one.endsWith('.json'))) {
    it(`${name} is valid`, () => {
      assert.ok(
        Object.keys(parseConfig(readFileSync(join(CONFIGS, name), 'utf8'), name)).length > 0,
      )
    })
  }

  for (const name of ['atolld.service', 'Containerfile', 'kubernetes.yaml']) {
    it(`${name} names only flags and variables that there are`, () => {
      const text = readFileSync(join(CONFIGS, name), 'utf8')
      const variables = [...text.matchAll(/\bATOLL_\w+/g)].map(([variable]) => variable)
      const known = Object.values(SETTINGS).map((setting) => setting.env)
      for (const variable of variables) assert.ok(known.includes(variable), variable)
      const flags = [...text.matchAll(/atolld ((?:--\S+ ?\S* ?)+)/g)].flatMap(([, all = '']) =>
        [...all.matchAll(/--([\w-]+)/g)].map(([, flag = '']) => flag),
      )
      const settings = [...Object.values(SETTINGS).map(({ flag }) => flag), 'config']
      for (const flag of flags) assert.ok(settings.includes(flag), flag)
    })
  }
})
