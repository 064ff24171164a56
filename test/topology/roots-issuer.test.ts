import assert from 'node:assert/strict'
import { RULES } from './issuer-rules.ts'
import { importMutant, type Mutation } from '../mutate.ts'

type Rules = typeof RULES

const file = (name: string, from: string, to: string): Mutation => ({
  file: `topology/${name}.ts`,
  from,
  to,
})

const MUTANTS: Readonly<Record<string, Mutation>> = {
  'lets everybody leave': file(
    'decider',
    '      if (refusal !== null) throw refusal\n    }\n',
    '    }\n',
  ),
  'a spare is no help': file(
    'leaving',
    'return capacity > 0 && alive',
    'return capacity < 0 && alive',
  ),
  'goes back to a stale number': file(
    'topology-log',
    'next.number <= previous.number',
    'next.number === previous.number',
  ),
  'takes a push from anybody': file('topology-log', '&& isKnown !== true)', '&& false)'),
  'succession not checked': file(
    'topology-log',
    'return refusalOfSuccessor(previous, next)',
    'return null',
  ),
  'shows before it is durable': file(
    'topology-log',
    '    if (database !== null) {',
    '    this.#show(next, bytes)\n    if (database !== null) {',
  ),
  'forgets the writes of other layers': file(
    'topology-log',
    'value: bytes }, ...others]',
    'value: bytes }]',
  ),
  'prev cleared on a majority though another replica lives': file(
    'evidence',
    'by.has(id) || !alive.has(id)',
    'true',
  ),
  'prev cleared on one word': file(
    'evidence',
    'if (all && count >= majorityOf(replicas.length)) done.set(partition, by)',
    'if (count >= 1) done.set(partition, by)',
  ),
  'reports are sent once': file('movement-reporter', '      this.#arm(REPEAT_MS)\n', ''),
  'replaces at once': file('census', 'sinceMs + this.#times.replaceAfterMs', 'sinceMs'),
  'keeps counting while a member is back': file(
    'census',
    '        this.#goneSinceMs.delete(storageId)\n        continue',
    '        continue',
  ),
  'replaces whole halves': file('planner', 'gone * 3 > members.length', 'false'),
  'takes members in at once': file('census', 'member.changedAtMs + settleMs', 'member.changedAtMs'),
  'takes edges in': file('census', " || member.role !== 'member'", ''),
  'takes removed disks back': file(
    'planner',
    'new Set([...input.leaving, ...removed])',
    'new Set([...input.leaving, ...input.removed])',
  ),
  'takes those who just left back': file(
    'decider',
    '!this.#departed.has(storageId, nowMs)',
    'storageId.length > 0',
  ),
  'never takes back who has left': file(
    'departed',
    'if (this.#liveBoots().get(storageId) === gone.boot && nowMs < gone.untilMs) return true',
    'return true',
  ),
  'issues as fast as it can': file('decider', 'INTERVAL_MS = 1000', 'INTERVAL_MS = 1'),
  'every root proposes at once': file('decider', 'STAND_IN_MS = 5000', 'STAND_IN_MS = 0'),
  'nobody stands in': file('decider', 'STAND_IN_MS = 5000', 'STAND_IN_MS = 5_000_000'),
  'forgets what it voted for': file('decider', ' && this.#options.acceptor.accepted === null', ''),
  'asks the first root alone': file(
    'roots-issuer',
    '        failure = error\n',
    '        throw error\n',
  ),
  'newcomers do not wait for each other': file('decider', 'TOGETHER_MS = 500', 'TOGETHER_MS = 0'),
  'hands a topology to nobody': file(
    'decider',
    '      this.#spawn(this.#pushTo(target, record))\n',
    '',
  ),
  'goes before the roots know': file('roots-issuer', '    await this.#handOver(ends)\n', ''),
  'goes when one root knows': file(
    'roots-issuer',
    'have >= majorityOf(roots.length)',
    'have >= Math.min(1, majorityOf(roots.length))',
  ),
  'a root is taken for lost at once': file('roots', 'zones.has(id) && serves(id)', 'alive(id)'),
  'a leave once asked for holds for long': file(
    'petitions',
    'COUNTS_MS = 15_000',
    'COUNTS_MS = 900_000',
  ),
  'who gave a leave up stays out': file('departed', ' && nowMs < gone.untilMs', ''),
  'several may leave at once, whoever is left': file(
    'leaving',
    '!othersLeaving.has(id)',
    'id.length > 0 && othersLeaving !== null',
  ),
  'removes what only that disk holds': file(
    'removal',
    'group.filter(isAlive).length < Math.ceil(group.length / 2)',
    'false',
  ),
  'anybody may remove': file('roots-issuer', '!isMember(topology, from.storageId)', 'false'),
}

describe('the roots', () => {
  for (const [name, rule] of Object.entries(RULES)) it(name, rule)

  describe('mutants', () => {
    for (const [name, mutant] of Object.entries(MUTANTS)) {
      it(`notices: ${name}`, async () => {
        const entry = 'test/topology/issuer-rules.ts'
        const { RULES: rules } = await importMutant<{ RULES: Rules }>(entry, mutant, [
          'topology',
          'sim',
        ])
        assert.ok(await isNoticed(rules), 'no rule notices this mutant')
      })
    }
  })
})

async function isNoticed(rules: Rules): Promise<boolean> {
  for (const rule of Object.values(rules)) {
    try {
      await rule()
    } catch {
      return true
    }
  }
  return false
}
