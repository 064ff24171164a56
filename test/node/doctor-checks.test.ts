/** Each check of the doctor as a table: figures in, findings out. Pure, so nothing else runs. */
import assert from 'node:assert/strict'
import { CLOCK_FAIL_MS, CLOCK_WARN_MS, checkClocks } from '../../src/node/doctor/check-clock.ts'
import { checkDial } from '../../src/node/doctor/check-dial.ts'
import {
  checkOpenFiles,
  checkPermissions,
  checkSpace,
  SPACE_FAIL_BYTES,
  SPACE_WARN_BYTES,
} from '../../src/node/doctor/check-host.ts'
import {
  checkQuorum,
  MOVING_WARN_MS,
  type QuorumFigures,
} from '../../src/node/doctor/check-quorum.ts'
import { ofCluster } from '../../src/node/doctor/doctor.ts'
import { checkReach, type MemberView, type Reach } from '../../src/node/doctor/check-reach.ts'
import {
  checkLoop,
  checkSiblings,
  checkSync,
  checkVersions,
  LAG_WARN_MS,
  SYNC_WARN_MS,
} from '../../src/node/doctor/check-self.ts'
import { worst } from '../../src/node/doctor/finding.ts'
import type { Finding } from '../../src/node/api.ts'
import type { HostPath } from '../../src/seams/host.ts'

/** `warn b 600 ms ahead`: a severity, and something that the sentence must say. */
type Expected = readonly [severity: Finding['severity'], seen: RegExp, fix?: RegExp]

function assertFound(findings: readonly Finding[], expected: readonly Expected[]): void {
  const shown = JSON.stringify(findings, null, 1)
  assert.equal(findings.length, expected.length, shown)
  for (const [i, [severity, seen, fix]] of expected.entries()) {
    const finding = findings[i] as Finding
    assert.equal(finding.severity, severity, shown)
    assert.match(finding.seen, seen)
    if (fix !== undefined) assert.match(finding.fix, fix)
    assert.doesNotMatch(finding.seen + finding.fix, /undefined|NaN|Infinity/)
    // What is not well comes with what to do; what is well needs nothing.
    assert.equal(finding.fix === '', severity === 'ok', shown)
  }
}

const REMOVED = { what: 'it was removed', fix: 'join anew' }

describe('doctor: clock', () => {
  const at = (name: string, offsetMs: number, uncertaintyMs = 0) => {
    return { name, offsetMs, uncertaintyMs }
  }
  const cases: readonly (readonly [string, Parameters<typeof checkClocks>[0], Expected[]])[] = [
    ['nobody answered', [], []],
    ['all agree', [at('b', 3, 2), at('c', -7, 1)], [['ok', /^2 other members at most 7\.0 ms/]]],
    ['at the bound', [at('b', CLOCK_WARN_MS)], [['ok', /1 other member /]]],
    ['ahead', [at('b', CLOCK_WARN_MS + 1), at('c', 0)], [['warn', /^b 501 ms ahead$/, /ntp/]]],
    ['behind', [at('b', -2000), at('c', 0)], [['warn', /^b 2\.0 s behind$/]]],
    ['perhaps only slow to answer', [at('b', 900, 450)], [['ok', /± 450 ms/]]],
    ['certainly off', [at('b', -1000, 450)], [['warn', /behind/]]],
    ['it is this one', [at('b', 2000), at('c', 2000)], [['warn', /clock of this machine/]]],
    ['a day', [at('b', CLOCK_FAIL_MS + 1)], [['fail', /24\.0 h ahead; writes and cert/]]],
    ['a day, back', [at('b', -CLOCK_FAIL_MS - 1)], [['fail', /24\.0 h behind/]]],
  ]
  for (const [name, offsets, expected] of cases) {
    it(name, () => assertFound(checkClocks(offsets), expected))
  }
})

describe('doctor: reachability', () => {
  const view = (name: string, change: Partial<MemberView> = {}): MemberView => {
    const addresses = [`/ip4/10.0.0.1/tcp/${name.charCodeAt(0)}`]
    return { name, state: 'alive', sinceMs: 5000, addresses, answer: { rttMs: 2 }, ...change }
  }
  const reach = (from: string, to: string, why = ''): Reach => {
    return { from, to, answered: why === '', rttMs: why === '' ? 3 : 0, why }
  }
  const all = ['b', 'c'].flatMap((from) =>
    ['a', 'b', 'c'].filter((to) => to !== from).map((to) => reach(from, to)),
  )
  const broken = (...pairs: readonly string[]): Reach[] =>
    all.map((one) => (pairs.includes(one.from + one.to) ? reach(one.from, one.to, 'TIMEOUT') : one))
  const check = (members: readonly MemberView[], reaches: readonly Reach[], mute: string[] = []) =>
    checkReach({ self: 'a', members, reaches, mute })
  const [b, c] = [view('b'), view('c')]

  it('alone', () => assertFound(check([], []), []))
  it('all reach all', () => {
    const findings = check([b, c], all)
    assertFound(findings, [['ok', /^2 other members and this one all reach.*slowest answer 3\.0/]])
  })
  it('a sample of many', () => {
    const findings = check([b, c, view('d', { answer: null })], all)
    assertFound(findings, [['ok', /^2 other members .*\(a sample of 3\)/]])
  })
  it('nobody was asked', () => assertFound(check([view('b', { answer: null })], []), []))
  it('alive and silent', () => {
    const silent = view('b', { answer: { why: 'TIMEOUT' } })
    const seen = /^b is alive but does not answer a \(TIMEOUT\)$/
    assertFound(check([silent, c], broken('cb')), [['fail', seen, /b runs .*\/ip4\/10/]])
  })
  it('dead: one finding, whoever else cannot reach it', () => {
    const dead = view('b', { state: 'dead', sinceMs: 7_200_000, answer: null })
    const seen = /^b is dead since 2\.0 h$/
    assertFound(check([dead, c], broken('cb')), [['warn', seen, /start b again/]])
  })
  it('held for dead, and answers', () => {
    const back = view('b', { state: 'dead' })
    assertFound(check([back, c], all), [['warn', /^b is dead .*and answers$/]])
  })
  it('suspect and not asked', () => {
    const suspect = view('b', { state: 'suspect', answer: null })
    assertFound(check([suspect, c], all), [['warn', /^b is suspect since 5\.0 s$/]])
  })
  it('two that do not reach each other', () => {
    const seen = /^b and c do not reach each other \(TIMEOUT\)$/
    assertFound(check([b, c], broken('bc', 'cb')), [['fail', seen, /firewalls.*member show c/]])
  })
  it('one way', () => {
    const seen = /^c does not reach b \(TIMEOUT\), the other way it goes$/
    assertFound(check([b, c], broken('cb')), [['fail', seen]])
  })
  it('one that answers us and does not reach us', () => {
    assertFound(check([b, c], broken('ba')), [['fail', /^b does not reach a/]])
  })
  it('one that does not say whom it reaches', () => {
    assertFound(check([b, c], [], ['c']), [['warn', /^c did not say/]])
  })
})

describe('doctor: addresses', () => {
  const addresses = new Map([
    ['a', ['/ip4/10.0.0.1/tcp/1']],
    ['c', []],
  ])
  const trials = (...texts: readonly string[]) =>
    texts.map((text) => {
      const [from = '', to = '', trial = 'open'] = text.split(' ')
      return { from, to, trial }
    })
  const cases: readonly (readonly [string, readonly string[], Expected[]])[] = [
    ['nobody tried', [], []],
    ['all open', ['a b', 'b a'], [['ok', /^2 address trials: each finds/]]],
    [
      'one that nobody can dial',
      ['b a refused', 'c a timeout', 'a b', 'c b'],
      [
        [
          'warn',
          /^nobody can dial a at \/ip4\/10\S* \(refused, timeout\)/,
          /a give out.*--announce/,
        ],
      ],
    ],
    [
      'one that some cannot dial',
      ['b a refused', 'c a'],
      [['warn', /^b cannot dial a at .* \(refused\)/]],
    ],
    [
      'one that gives out nothing',
      ['a c unreachable'],
      [['warn', /^a cannot dial c at any address/]],
    ],
    [
      'two of them',
      ['a b refused', 'b a refused'],
      [
        ['warn', /dial b/],
        ['warn', /dial a/],
      ],
    ],
  ]
  for (const [name, tried, expected] of cases) {
    it(name, () => assertFound(checkDial({ trials: trials(...tried), addresses }), expected))
  }
})

describe('doctor: quorum', () => {
  const well: QuorumFigures = {
    members: 3,
    replicationFactor: 3,
    toleratesFailures: 1,
    partitions: 256,
    withoutMajority: 0,
    down: [],
    suspect: [],
    roots: { names: ['a', 'b', 'c'], down: [] },
    moving: 0,
    unchangedMs: 1e6,
    selfStores: true,
    shouldStore: true,
    removed: null,
  }
  const still = ['ok', /^no partition moves$/] as const
  const cases: readonly (readonly [string, Partial<QuorumFigures> | null, Expected[]])[] = [
    ['no topology', null, [['fail', /topology is not known/]]],
    ['well', {}, [['ok', /^1 member may fail now$/], still]],
    ['well, five', { toleratesFailures: 2 }, [['ok', /^2 members may/], still]],
    [
      'one down',
      { toleratesFailures: 0, down: ['b'] },
      [['warn', /no further failure/, /start again: b/], still],
    ],
    [
      'some may be down soon',
      { toleratesFailures: 0, suspect: ['b', 'c'] },
      [['warn', /^no failure is tolerated while there are suspects: b, c$/, /^wait/], still],
    ],
    [
      'no majority',
      { toleratesFailures: 0, withoutMajority: 9, down: ['b', 'c'] },
      [['fail', /^9 of 256 partitions lack a majority without b, c/, /b, c/], still],
    ],
    [
      'alone',
      { members: 1, toleratesFailures: 0 },
      [['warn', /1 member of 3/, /ticket create/], still],
    ],
    [
      'one copy by choice',
      { members: 4, replicationFactor: 1, toleratesFailures: 0 },
      [['warn', /^no failure is tolerated$/], still],
    ],
    ['a root is down', { roots: { names: ['a', 'b', 'c'], down: ['b'] } }, [['ok', /./], still]],
    [
      'most roots are down',
      { roots: { names: ['a', 'b', 'c'], down: ['b', 'c'] } },
      [['ok', /./], ['warn', /^2 of 3 roots down \(b, c\)/, /start again: b, c/], still],
    ],
    [
      'the only root is down',
      { members: 2, roots: { names: ['a'], down: ['a'] } },
      [['ok', /./], ['warn', /^1 of 1 root down \(a\)/], still],
    ],
    [
      'one root of two members',
      { members: 2, roots: { names: ['a'], down: [] } },
      [['ok', /./], ['warn', /^one root alone .* a: its loss/, /third member/], still],
    ],
    [
      'one root, alone',
      { members: 1, replicationFactor: 1, roots: { names: ['a'], down: [] } },
      [['ok', /./], still],
    ],
    ['not in it', { selfStores: false }, [['ok', /./], ['warn', /not in the topology/], still]],
    ['removed', { selfStores: false, removed: REMOVED }, [['fail', /was removed/]]],
    ['an edge', { selfStores: false, shouldStore: false }, [['ok', /./], still]],
    [
      'moving',
      { moving: 7, unchangedMs: MOVING_WARN_MS - 1 },
      [
        ['ok', /./],
        ['ok', /^7 of 256 partitions move$/],
      ],
    ],
    [
      'stuck',
      { moving: 7, unchangedMs: MOVING_WARN_MS },
      [
        ['ok', /./],
        ['warn', /none has arrived for 10 min/],
      ],
    ],
    [
      'no margin while it moves',
      { moving: 7, toleratesFailures: 0, unchangedMs: 0 },
      [
        ['warn', /while data moves/, /wait/],
        ['ok', /7 of/],
      ],
    ],
  ]
  for (const [name, change, expected] of cases) {
    const figures = change === null ? null : { ...well, ...change }
    it(name, () => assertFound(checkQuorum(figures), expected))
  }

  it('removed: nothing is said of others, who answer it no more', () => {
    const dead = { name: 'b', state: 'dead', sinceMs: 5000, addresses: [], answer: null } as const
    const others = {
      asked: 0,
      reach: { self: 'a', members: [dead], reaches: [], mute: [] },
      dial: { trials: [], addresses: new Map() },
      clocks: [],
      withSiblings: 0,
      versions: [],
      older: [],
    }
    const seen = (removed: typeof REMOVED | null) =>
      ofCluster({ ...others, quorum: { ...well, removed } }).map(({ check }) => check)
    assert.ok(seen(null).includes('reachability'))
    assert.deepEqual(seen(REMOVED), ['quorum'])
  })
})

describe('doctor: this process', () => {
  const idle = { count: 0, medianMs: 0, worstMs: 0 }
  const probe = (medianMs: number) => ({ medianMs, worstMs: medianMs * 2 })
  const syncs: readonly (readonly [string, Parameters<typeof checkSync>, Expected[]])[] = [
    ['quick', [probe(1), { count: 9, medianMs: 1, worstMs: 4 }], [['ok', /1\.0 ms.*most 4\.0/]]],
    ['nothing written yet', [probe(1), idle], [['ok', /worst of 8: 2\.0 ms\)$/]]],
    ['below the bound', [probe(SYNC_WARN_MS - 1), idle], [['ok', /./]]],
    ['slow', [probe(SYNC_WARN_MS), idle], [['warn', /50 ms/, /disk of its own/]]],
    ['slow of late', [probe(1), { count: 9, medianMs: 1, worstMs: 500 }], [['warn', /500 ms/]]],
    ['very slow', [probe(500), idle], [['fail', /500 ms/]]],
    ['broken', [{ error: 'EROFS' }, idle], [['fail', /cannot be written: EROFS/]]],
  ]
  for (const [name, given, expected] of syncs) {
    it(`fsync: ${name}`, () => assertFound(checkSync(...given), expected))
  }

  const loops: readonly (readonly [p95Ms: number, worstMs: number, Finding['severity']])[] = [
    [1, 3, 'ok'],
    [LAG_WARN_MS - 1, 499, 'ok'],
    [LAG_WARN_MS, 60, 'warn'],
    [1, 500, 'warn'],
    [499, 9000, 'warn'],
    [500, 500, 'fail'],
  ]
  for (const [p95Ms, worstMs, severity] of loops) {
    it(`event loop: ${p95Ms} and ${worstMs} ms is ${severity}`, () => {
      assertFound(checkLoop({ p95Ms, worstMs }), [[severity, /event loop is late by up to/]])
    })
  }

  it('versions', () => {
    const same = { name: 'b', version: '1.0.0' }
    assertFound(checkVersions('1.0.0', [], []), [])
    assertFound(checkVersions('1.0.0', [same], []), [['ok', /all members asked run 1\.0\.0/]])
    const other = { name: 'c', version: '1.1.0' }
    assertFound(checkVersions('1.0.0', [same, other], []), [['warn', /1\.0\.0, c 1\.1\.0$/]])
    assertFound(checkVersions('1.0.0', [same], ['d']), [['warn', /d an older one$/, /upgrade/]])
  })
})

describe('doctor: the machine', () => {
  const paths: readonly (readonly [HostPath['kind'], number, Finding['severity']])[] = [
    ['data directory', 0o700, 'ok'],
    ['data directory', 0o500, 'ok'],
    ['data directory', 0o750, 'warn'],
    ['data directory', 0o755, 'fail'],
    ['data directory', 0o701, 'fail'],
    ['secret', 0o600, 'ok'],
    ['secret', 0o400, 'ok'],
    ['secret', 0o640, 'fail'],
    ['secret', 0o604, 'fail'],
    ['socket', 0o600, 'ok'],
    ['socket', 0o660, 'warn'],
    ['socket', 0o666, 'fail'],
    ['socket directory', 0o700, 'ok'],
    ['socket directory', 0o755, 'ok'],
    ['socket directory', 0o1777, 'ok'],
    ['socket directory', 0o777, 'fail'],
  ]
  for (const [kind, mode, severity] of paths) {
    it(`${kind} of ${mode.toString(8)} is ${severity}`, () => {
      const found = checkPermissions([{ kind, path: '/x/y', mode }])
      if (severity === 'ok') return assertFound(found, [['ok', /this user alone/]])
      const bits = kind.includes('directory') ? '700' : '600'
      const seen = new RegExp(`^/x/y is ${(mode & 0o777).toString(8).padStart(4, '0')}: `)
      assertFound(found, [[severity, seen, new RegExp(`^chmod ${bits} /x/y$`)]])
    })
  }

  it('a fix can be pasted into a shell', () => {
    const [found] = checkPermissions([{ kind: 'secret', path: "/it's here/key", mode: 0o644 }])
    assert.equal(found?.fix, "chmod 600 '/it'\\''s here/key'")
  })

  it('permissions of nothing', () => assertFound(checkPermissions([]), []))

  const files: readonly (readonly [
    now: number,
    max: number,
    members: number,
    Finding['severity'],
  ])[] = [
    [40, 65_536, 3, 'ok'],
    [40, 390, 3, 'ok'],
    [40, 389, 3, 'warn'],
    [40, 1024, 400, 'warn'],
    [40, 1184, 400, 'ok'],
    [225, 256, 3, 'fail'],
    [224, 256, 3, 'warn'],
  ]
  for (const [now, max, members, severity] of files) {
    it(`${now} of ${max} files, ${members} members: ${severity}`, () => {
      assertFound(checkOpenFiles({ now, max }, members), [
        [severity, new RegExp(`^${now} of ${max}`)],
      ])
    })
  }
  it('open files unknown', () => assertFound(checkOpenFiles(null, 3), []))

  const spaces: readonly (readonly [number, Finding['severity']])[] = [
    [SPACE_WARN_BYTES, 'ok'],
    [SPACE_WARN_BYTES - 1, 'warn'],
    [SPACE_FAIL_BYTES, 'warn'],
    [SPACE_FAIL_BYTES - 1, 'fail'],
  ]
  for (const [freeBytes, severity] of spaces) {
    it(`${freeBytes} bytes free: ${severity}`, () => {
      assertFound(checkSpace({ freeBytes, totalBytes: 2 ** 40 }), [[severity, /of 1024\.0 GiB/]])
    })
  }
  it('no disk', () => assertFound(checkSpace(null), []))
})

describe('doctor: siblings', () => {
  it('none: nothing to say', () => assertFound(checkSiblings(0), []))
  it('one', () =>
    assertFound(checkSiblings(1), [['ok', /^1 key on this disk has siblings; atoll/]]))
  it('some', () => assertFound(checkSiblings(3), [['ok', /^3 keys on this disk have siblings; /]]))
})

describe('doctor: the worst', () => {
  const of = (...severities: readonly Finding['severity'][]) =>
    worst(severities.map((severity) => ({ check: 'x', severity, seen: '', fix: '' })))
  it('counts', () => {
    assert.deepEqual(
      [of(), of('ok'), of('ok', 'warn', 'ok'), of('fail', 'warn')],
      ['ok', 'ok', 'warn', 'fail'],
    )
  })
})
