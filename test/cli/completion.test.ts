/** What the shell offers: the script is run by bash, as a person's Tab would. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { CliRig } from './cli-rig.ts'

describe('completion', () => {
  const OFFERED: readonly (readonly [string, string])[] = [
    ['kv set |', 'add rm ls'],
    ['kv pu|', 'put'],
    ['--at c kv pu|', 'put'],
    ['-o json kv pu|', 'put'],
    ['--at=c kv pu|', 'put'],
    ['kv put color --w|', '--write'],
    ['kv put color blue --write |', 'one quorum all'],
    ['kv put color blue --write=|', 'one quorum all'],
    ['kv put color blue --write q|', 'quorum'],
    ['kv put color blue --ttl 1h --w|', '--write'],
    ['kv put kv |', ''],
    ['kv import --from |', 'atoll etcd consul redis'],
    ['kv import |', ''],
    ['kv import dump --fr|', '--from'],
    ['topology move 3 --from |', ''],
    ['-o |', 'human json jsonl raw'],
    ['reg ls --output |', 'human json jsonl raw'],
    ['kv get color --si|', '--siblings'],
    ['status --out|', '--output'],
    ['--at |', 'dev/a dev/b'],
    ['kv get k --at dev/b|', 'dev/b'],
  ]

  it('goes on after options and arguments, and knows the choices of an option', async () => {
    const cli = await CliRig.open()
    try {
      const { out: script, status } = await cli.bare('completion', 'bash')
      assert.equal(status, 0)
      const asked = OFFERED.map(([line]) => {
        // As bash splits a line: at `=` too.
        const words = line.replace('=', ' = ').replace('|', '').split(/ +/)
        const quoted = ['atoll', ...words].map((word) => `'${word}'`).join(' ')
        return `ask ${quoted}`
      })
      const { stdout, stderr } = spawnSync('bash', {
        input: `${script}
atoll() { printf 'dev/a\\t/a.sock\\ndev/b\\t/b.sock\\n'; }
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _atoll; echo "\${COMPREPLY[*]}"; }
${asked.join('\n')}
`,
        encoding: 'utf8',
      })
      assert.equal(stderr, '')
      const got = stdout.trimEnd().split('\n')
      for (const [i, [line, offered]] of OFFERED.entries()) {
        assert.equal(got[i], offered, line)
      }
    } finally {
      await cli.close()
    }
  })

  it('tells fish the choices of an option', async () => {
    const cli = await CliRig.open()
    try {
      const { out } = await cli.bare('completion', 'fish')
      assert.match(out, /from put' -l write -x -a 'one quorum all' -d 'replicas/)
      assert.match(out, /from put' -l ttl -r -d 'the value ends/)
      assert.match(out, /from get' -l siblings -d 'all values/)
    } finally {
      await cli.close()
    }
  })
})
