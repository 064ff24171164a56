/** `atoll kv watch`: its lines in every format, cursors, gaps, and its ends. */
import assert from 'node:assert/strict'
import type { KvEvent } from '../../src/node/api.ts'
import { CliRig } from './cli-rig.ts'

const EVENTS: readonly KvEvent[] = [
  { kind: 'begin', cursor: 'c0' },
  { kind: 'put', key: 'k/a', value: 'one', context: 'v1', others: [], cursor: 'c1' },
  { kind: 'merge', key: 'k/a', value: 'two', context: 'v2', others: ['one'], cursor: 'c2' },
  {
    kind: 'put',
    key: 'k/b',
    value: new Uint8Array([255]),
    context: 'v3',
    others: [],
    cursor: 'c3',
  },
  { kind: 'delete', key: 'k/a', context: 'v4', cursor: 'c4' },
  { kind: 'expire', key: 'k/b', context: 'v5', cursor: 'c5' },
  { kind: 'gap', reason: 'forgotten', hint: 'list again', cursor: 'c6' },
]

const JSONL = [
  '{"kind":"begin","cursor":"c0"}',
  '{"kind":"put","key":"k/a","value":"one","context":"v1","others":[],"cursor":"c1"}',
  '{"kind":"merge","key":"k/a","value":"two","context":"v2","others":["one"],"cursor":"c2"}',
  '{"kind":"put","key":"k/b","value":{"base64":"/w=="},"context":"v3","others":[],"cursor":"c3"}',
  '{"kind":"delete","key":"k/a","context":"v4","cursor":"c4"}',
  '{"kind":"expire","key":"k/b","context":"v5","cursor":"c5"}',
  '{"kind":"gap","reason":"forgotten","hint":"list again","cursor":"c6"}',
  '',
].join('\n')

const LINES: Readonly<Record<string, string>> = {
  human: [
    'begin  what changes from here on',
    'put  k/a  one',
    'merge  k/a  two  (1 of 2 siblings)',
    'put  k/b  {"base64":"/w=="}',
    'delete  k/a',
    'expire  k/b',
    'gap  list again',
    '',
  ].join('\n'),
  raw: [
    'begin',
    'put\tk/a\tone',
    'merge\tk/a\ttwo\t(1 of 2 siblings)',
    'put\tk/b\t{"base64":"/w=="}',
    'delete\tk/a',
    'expire\tk/b',
    'gap\tforgotten',
    '',
  ].join('\n'),
  json: JSONL,
  jsonl: JSONL,
}

describe('kv watch', () => {
  let cli: CliRig
  beforeEach(async () => {
    cli = await CliRig.open()
    cli.rig.node.kvChanges = EVENTS
  })
  afterEach(() => cli.close())

  /** Until all has been told. */
  async function watched(...words: string[]): Promise<{ status: number; out: string }> {
    cli.interrupt = new AbortController()
    let out = ''
    const ended = await cli.watched(['--socket', cli.rig.path, 'kv', 'watch', ...words], (text) => {
      out += text
      if (/gap|"gap"/.test(out)) cli.interrupt.abort()
    })
    return ended
  }

  it('prints each event on a line, in every format', async () => {
    for (const [format, lines] of Object.entries(LINES)) {
      const { status, out } = await watched('k/', '-o', format)
      assert.deepEqual([status, out], [0, lines], format)
    }
  })

  it('goes on from a cursor, and watches all keys without a prefix', async () => {
    await watched('--after', 'c3', '-o', 'jsonl')
    const { after } = cli.rig.node.options.at(-1) as { readonly after?: string }
    assert.equal(after, 'c3')
  })

  it('tells a person where to go on, also when its daemon stops', async () => {
    cli.rig.node.kvChanges = EVENTS.slice(0, 2)
    const { kv } = cli.rig.node
    kv.watch = async function* once(): AsyncGenerator<KvEvent, void> {
      yield* EVENTS.slice(0, 2)
    }
    const human = await cli.run('kv', 'watch', 'k/')
    assert.equal(human.status, 3)
    assert.match(human.err, /^to go on from here: --after c1\nerror UNREACHABLE: the watch ended/)
    const script = await cli.run('kv', 'watch', 'k/', '-o', 'jsonl')
    assert.doesNotMatch(script.err, /to go on/)
  })
})
