/** What is wrong with parameters, in the words of the command line. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import { inWords } from '../../src/cli/spelled.ts'
import { type CallName, METHODS } from '../../src/rpc/methods.ts'
import { CliRig } from './cli-rig.ts'

describe('names of parameters on the command line', () => {
  const SAID: readonly (readonly [CallName, string, string])[] = [
    ['reg.cas', 'cas needs ifVersion or ifAbsent', 'cas needs --if-version or --if-absent'],
    ['reg.set', 'opId has 1 to 63 bytes', '--op-id has 1 to 63 bytes'],
    ['reg.set', 'reg.set: "since" must be string', '--since must be string'],
    ['kv.put', 'kv.put: "key" must not be empty', '<key> must not be empty'],
    ['kv.put', 'the key is no value; "key" is', 'the key is no value; <key> is'],
    ['kv.get', 'deadlineMs is over 0 and at most 3600000', '--timeout is over 0 and at most 1h'],
    ['reg.get', '"deadlineMs" must be at most 86400000', '--deadline must be at most 1d'],
    ['reg.ls', 'limit is 1 to 1000, not 0', '--limit is 1 to 1000, not 0'],
    ['reg.ls', '"limit" must be at most 3600000', '--limit must be at most 3600000'],
    ['topology.move', 'topology.move: "to" is missing', '--to is missing'],
    ['kv.put', '"zzz" is no version', '"zzz" is no version'],
  ]
  for (const [method, said, expected] of SAID) {
    it(`${method}: ${said}`, async () => {
      const hint = `see: atoll ${method.replace('.', ' ')} --help`
      const told = inWords(method, METHODS[method].cli, () => {
        return Promise.reject(new AtollError('USAGE', said))
      })
      await assert.rejects(told, { code: 'USAGE', message: expected, hint })
    })
  }

  it('are not looked for in other errors, and hints stay', async () => {
    const { cli } = METHODS['reg.set']
    const other = new AtollError('CONFLICT', 'opId')
    await assert.rejects(
      inWords('reg.set', cli, () => Promise.reject(other)),
      (error) => error === other,
    )
    const hinted = new AtollError('USAGE', '"x" is no version', { hint: 'give it back' })
    await assert.rejects(
      inWords('reg.set', cli, () => Promise.reject(hinted)),
      { hint: 'give it back' },
    )
  })

  it('reach whoever typed them', async () => {
    const cli = await CliRig.open()
    try {
      const empty = await cli.run('kv', 'get', '')
      assert.equal(empty.err, 'error USAGE: <key> must not be empty. See: atoll kv get --help\n')
      assert.equal(empty.status, 2)
      const long = await cli.run('reg', 'get', 'k', '--deadline', '9999h')
      assert.match(long.err, /^error USAGE: --deadline must be at most 1[dh]\. See: atoll reg get/)
      const listed = await cli.run('reg', 'ls', '--deadline', '9999h')
      assert.match(listed.err, /^error USAGE: --deadline must be at most 1[dh]\. See: atoll reg ls/)
    } finally {
      await cli.close()
    }
  })
})
