/** The table of methods: what comes out of the node fits it, and nothing of it is lost on the way. */
import assert from 'node:assert/strict'
import * as v from 'valibot'
import type { PeerId as BasePeerId } from '../../src/base/ids.ts'
import type {
  Explanation,
  JsonValue,
  KvPutWritten,
  KvValueWritten,
  MemberChange,
  MemberInfo,
  MemberRemoved,
  MemberState,
  PeerId,
  KvEvent,
  RegEvent,
  RegNumber,
  RegPage,
  RegRead,
  RegWritten,
  Status,
  TopologyInfo,
  TopologyMoved,
  TopologyPlan,
} from '../../src/node/api.ts'
import type { MemberState as SwimState } from '../../src/swim/member.ts'
import manifest from '../../package.json' with { type: 'json' }
import type { Frozen } from '../../src/rpc/method.ts'
import { type MethodName, METHODS, type ResultOf } from '../../src/rpc/methods.ts'
import { AtollError } from '../../src/base/errors.ts'
import type { ErrorObject } from '../../src/rpc/error-object.ts'
import { openRpc } from '../../src/rpc/openrpc.ts'
import { PROTOCOL } from '../../src/rpc/protocol.ts'
import { Subscription } from '../../src/rpc/subscription.ts'
import { VERSION } from '../../src/base/version.ts'

/** A compile error here means that a schema and the interface of the node have drifted apart. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
type Fits<N extends MethodName, T> = Same<Frozen<ResultOf<N>>, Frozen<T>>
/** With values in their JSON form. */
type Told<T> = {
  readonly [K in keyof T]: K extends 'value'
    ? JsonValue
    : T[K] extends readonly (infer Item)[]
      ? readonly Told<Item>[]
      : T[K]
}
const same: readonly [
  Fits<'status', Status>,
  Fits<'explain', Explanation>,
  Fits<'kv.put', KvPutWritten>,
  Fits<'kv.del', KvValueWritten>,
  Fits<'member.ls', readonly MemberInfo[]>,
  Fits<'member.watch', MemberChange>,
  Fits<'topology.show', TopologyInfo>,
  Fits<'reg.get', Told<RegRead> | null>,
  Fits<'reg.set', RegWritten>,
  Fits<'reg.cas', RegWritten>,
  Fits<'reg.del', RegWritten>,
  Fits<'reg.incr', RegNumber>,
  Fits<'reg.ls', Told<RegPage>>,
  Fits<'reg.watch', Told<RegEvent>>,
  Fits<'kv.watch', Told<KvEvent>>,
  Fits<'topology.plan', TopologyPlan>,
  Fits<'topology.move', TopologyMoved>,
  Fits<'member.remove', MemberRemoved>,
] = [
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
]

/** What the public interface writes out, so that it needs no types of Node. */
const written: readonly [Same<MemberState, SwimState | 'removed'>, Same<PeerId, BasePeerId>] = [
  true,
  true,
]

function protocolFile({ documentation }: typeof PROTOCOL): string {
  return documentation.replace(/ in the package$/, '')
}

describe('table of methods', () => {
  it('names each method by its key', () => {
    assert.equal(same.length, 18)
    assert.equal(written.length, 2)
    for (const [name, method] of Object.entries(METHODS)) assert.equal(method.name, name)
  })

  it('gives each command the parameters that its schema has', () => {
    for (const { name, cli, params } of Object.values(METHODS)) {
      if (cli === null) continue
      const known = Object.keys(
        (params as v.StrictObjectSchema<v.ObjectEntries, undefined>).entries,
      )
      for (const { param } of [...cli.args, ...cli.flags]) {
        assert.ok(known.includes(param), `${name} has no parameter ${param}`)
      }
    }
  })

  it('takes a deadline with every call, and helps in one line', () => {
    for (const { name, kind, params, help } of Object.values(METHODS)) {
      const { entries } = params as v.StrictObjectSchema<v.ObjectEntries, undefined>
      assert.equal('deadlineMs' in entries, kind === 'call', name)
      assert.match(help, /^[a-z][^\n]{5,80}[^.]$/, name)
    }
  })

  it('becomes an OpenRPC document that is JSON and refers to nothing that it lacks', () => {
    const document = openRpc(Object.values(METHODS))
    assert.deepEqual(JSON.parse(JSON.stringify(document)), document)
    const text = JSON.stringify(document)
    const errors = (document['components'] as { errors: object }).errors
    for (const [, code = ''] of text.matchAll(/#\/components\/errors\/([A-Z_]+)/g)) {
      assert.ok(code in errors, code)
    }
  })

  it('says what a client must know beyond the methods, as the code has it', () => {
    const { 'x-protocol': protocol } = openRpc(Object.values(METHODS)) as {
      'x-protocol': typeof PROTOCOL
    }
    assert.equal(protocol.limits.keyBytes, 1024)
    assert.equal(protocol.limits.lineBytes, 4 * 1024 * 1024)
    for (const form of [protocol.values.bytes, protocol.values.wrapped, protocol.values.longText]) {
      assert.match(form, /^\{"(base64|json|base64text)":/)
    }
    // What it names in the package is there once it is built.
    assert.ok(manifest.scripts.build.endsWith(`cp src/rpc/README.md ${protocolFile(protocol)}`))
    assert.ok(manifest.files.includes('dist'))
  })

  it('a subscription tells what the protocol says that it tells', async () => {
    const lines: string[] = []
    const sink = { behind: false, send: (line: string) => void lines.push(line) }
    const subscription = new Subscription('s1', 'member.watch', sink, 1, () => {})
    async function* failing() {
      yield 1
      yield 2
      throw new AtollError('STOPPED', 'over')
    }
    await subscription.run(failing(), 'all')
    const told = lines.map((line) => (JSON.parse(line) as { params: object }).params)
    const fields = new Set(told.flatMap((params) => Object.keys(params)))
    assert.deepEqual([...fields].sort(), Object.keys(PROTOCOL.notifications.params).sort())
    const errors = told.flatMap((params) =>
      'error' in params ? [params.error as ErrorObject] : [],
    )
    const { data } = PROTOCOL.errors
    for (const error of errors) {
      for (const field of Object.keys(error.data)) assert.ok(field in data, field)
    }
  })

  it('says the version of the package', () => {
    assert.equal(VERSION, manifest.version)
  })
})
