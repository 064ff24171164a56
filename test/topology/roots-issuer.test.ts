import assert from 'node:assert/strict'
import { RULES } from './issuer-rules.ts'
import { importMutant, type Mutation } from '../mutate.ts'

type Rules = typeof RULES

interface Hunted extends Mutation {
  /** Rules that are tried first: it saves time. */
  readonly first?: RegExp
}

const file = (name: string, from: string, to: string, first?: RegExp): Hunted => ({
  file: `topology/${name}.ts`,
  from,
  to,
  ...(first === undefined ? {} : { first }),
})

const MUTANTS: Readonly<Record<string, Hunted>> = {
  'lets everybody leave': file(
    'decider',
    '      if (refusal !== null) throw refusal\n    }\n',
    '    }\n',
  ),
  'a spare is no help': file(
    'leaving',
    'return capacity > 0 && alive',
    'return capacity < 0 && alive',
    /beside a dead/,
  ),
  'goes back to a stale number': file(
    'topology-log',
    'next.number <= previous.number',
    'next.number === previous.number',
    /never goes back/,
  ),
  'takes a push from anybody': file(
    'topology-log',
    '&& isKnown !== true)',
    '&& false)',
    /heard from/,
  ),
  'succession not checked': file(
    'topology-log',
    'return refusalOfSuccessor(previous, next)',
    'return null',
    /heard from/,
  ),
  'shows before it is durable': file(
    'topology-log',
    '    if (database !== null) {',
    '    this.#show(next, bytes)\n    if (database !== null) {',
    /disk refuses/,
  ),
  'forgets the writes of other layers': file(
    'topology-log',
    'topologyWrite(bytes), ...others]',
    'topologyWrite(bytes)]',
    /cut off/,
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
  'reports are sent once': file(
    'movement-reporter',
    '      this.#arm(this.#installed.size > 0 ? REPEAT_MS : REPEAT_EMPTIED_MS)\n',
    '',
    /says again/,
  ),
  'replaces at once': file('census', 'sinceMs + this.#times.replaceAfterMs', 'sinceMs'),
  'keeps counting while a member is back': file(
    'census',
    '        this.#goneSinceMs.delete(storageId)\n        continue',
    '        continue',
  ),
  'replaces whole halves': file('planner', 'gone * 3 > members.length', 'false', /third are dead/),
  'takes members in at once': file('census', 'member.changedAtMs + settleMs', 'member.changedAtMs'),
  'takes edges in': file('census', " || member.role !== 'member'", ''),
  'takes removed disks back': file(
    'planner',
    'new Set([...input.leaving, ...removed])',
    'new Set([...input.leaving, ...input.removed])',
    /for ever/,
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
  'every root proposes at once': file(
    'decider',
    'STAND_IN_MS = 5000',
    'STAND_IN_MS = 0',
    /one root propose/,
  ),
  'nobody stands in': file(
    'decider',
    'STAND_IN_MS = 5000',
    'STAND_IN_MS = 5_000_000',
    /another root/,
  ),
  'forgets what it voted for': file(
    'decider',
    ' && this.#options.acceptor.accepted === null',
    '',
    /voted for/,
  ),
  'asks the first root alone': file(
    'root-calls',
    'failure = error\n      }\n    }\n    return unanswered',
    'throw error\n      }\n    }\n    return unanswered',
    /another root/,
  ),
  'newcomers do not wait for each other': file('decider', 'TOGETHER_MS = 500', 'TOGETHER_MS = 0'),
  'hands a topology to nobody': file(
    'decider',
    '      this.#spawn(this.#pushTo(target, record))\n',
    '',
  ),
  'goes before the roots know': file(
    'roots-issuer',
    ' && (await handover.isTaken(ends))',
    '',
    /roots knows/,
  ),
  'goes when one root knows': file(
    'handover',
    'by >= majorityOf(roots.length)',
    'by >= Math.min(1, majorityOf(roots.length))',
    /roots knows/,
  ),
  'a leave that roots do not take is asked for as often as ever': file(
    'handover',
    'Math.min(2 * this.pauseMs, LAST_MS)',
    'FIRST_MS',
    /warns once/,
  ),
  'a leave that roots do not take is asked for so seldom that they forget it': file(
    'handover',
    'LAST_MS = 5000',
    'LAST_MS = 20_000',
    /warns once/,
  ),
  'each try of a handover is warned of': file(
    'handover',
    'if (this.#warned.has(peer)) log',
    'if (this.#warned.size < 0) log',
    /warns once/,
  ),
  'a leave knows no deadline': file(
    'roots-issuer',
    'deadlineMs === undefined',
    'deadlineMs !== 0',
    /its deadline/,
  ),
  'who leaves goes before its disk has let go': file(
    'roots-issuer',
    'isOut && (await hasLetGo())',
    'isOut && hasLetGo !== null',
    /let go of all/,
  ),
  'who waits for its disk to let go asks no more to go': file(
    'roots-issuer',
    'LET_GO_MS : handover',
    'Math.max(LET_GO_MS, 90_000) : handover',
    /let go of all/,
  ),
  'a leave waits for an answer whatever its deadline': file(
    'roots-issuer',
    'TOPOLOGY_LEAVE, NOTHING, ends)',
    'TOPOLOGY_LEAVE, NOTHING)',
    /its deadline/,
  ),
  'a root is taken for lost at once': file('roots', 'zones.has(id) && serves(id)', 'alive(id)'),
  'a leave once asked for holds for long': file(
    'petitions',
    'COUNTS_MS = 15_000',
    'COUNTS_MS = 900_000',
    /given up, and/,
  ),
  'who gave a leave up stays out': file(
    'departed',
    ' && nowMs < gone.untilMs',
    '',
    /never said goodbye/,
  ),
  'several may leave at once, whoever is left': file(
    'leaving',
    '!othersLeaving.has(id)',
    'id.length > 0 && othersLeaving !== null',
    /all want/,
  ),
  'removes what only that disk holds': file(
    'removal',
    'group.filter(isAlive).length < Math.ceil(group.length / 2)',
    'false',
    /cannot do/,
  ),
  'anybody may remove': file(
    'roots-issuer',
    'if (isMember(topology, storageId)) return',
    'if (topology.number > 0) return',
    /members to ask/,
  ),
  'waits for disks that are no more': file(
    'decider',
    'new Set([...this.#petitions.leaving, ...ended])',
    'new Set([...this.#petitions.leaving])',
    /no more/,
  ),
  'takes whoever answers for its disk': file(
    'census',
    "member.state === 'left' : member.state === 'alive'",
    "member.state === 'left' : false",
    /no more/,
  ),
  'moves what moves': file(
    'manual-move',
    "if (prev !== null) return 'it",
    "if (to === null) return 'it",
    /by hand/,
  ),
  'moves to the dead': file(
    'manual-move',
    'if (isLive(to.storageId)) {',
    'if (to.name.length > 0) {',
    /by hand/,
  ),
  'moves against the zones': file(
    'manual-move',
    'zones(replaced(replicas, move)) < zones(replicas)',
    'false',
    /by hand/,
  ),
  'moves to the full': file(
    'manual-move',
    'load < boundOf(share, partitions.length)',
    'load >= 0',
    /by hand/,
  ),
  'moves without a majority': file('manual-move', '.length < needed)', '.length < 0)', /by hand/),
  'a move is forgotten': file('planner', 'placed[partition] = ranking', 'void ranking', /by hand/),
}

describe('the roots', () => {
  for (const [name, rule] of Object.entries(RULES)) it(name, rule)

  describe('mutants', () => {
    for (const [name, mutant] of Object.entries(MUTANTS)) {
      it(`notices: ${name}`, async () => {
        const entry = 'test/topology/issuer-rules.ts'
        const { RULES: rules } = await importMutant<{ RULES: Rules }>(entry, mutant)
        assert.ok(await isNoticed(rules, mutant.first), 'no rule notices this mutant')
      })
    }
  })
})

async function isNoticed(rules: Rules, first = /^$/): Promise<boolean> {
  const names = Object.keys(rules)
  const order = [...names.filter((name) => first.test(name)), ...names]
  for (const name of new Set(order)) {
    try {
      await rules[name]?.()
    } catch {
      return true
    }
  }
  return false
}
