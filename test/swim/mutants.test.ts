/**
 * Rules of swim broken one at a time, each by a change of one line of source as it is loaded; the
 * quick tests of this folder must notice every one.
 */
import { describeMutants } from '../mutate.ts'

interface Mutant {
  readonly name: string
  readonly file: string
  readonly from: string
  readonly to: string
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'two that died at once wait for each other’s word',
    file: 'suspicions.ts',
    from: 'this.#closed.add(id)',
    to: '',
  },
  {
    name: 'news is sent to closed ports, and counts as sent',
    file: 'beliefs.ts',
    from: ' || this.#suspicions.isClosed(member.id)',
    to: '',
  },
  {
    name: 'a suspicion keeps the size of the group that it began with',
    file: 'suspicions.ts',
    from: 'if (suspicion.resize(this.#confirmers(id)))',
    to: 'if (false)',
  },
  {
    name: 'alive of an equal incarnation is accepted',
    file: 'claim.ts',
    from: '{ alive: 0, suspect: 1,',
    to: '{ alive: 4, suspect: 1,',
  },
  {
    name: 'accusations are not refuted',
    file: 'beliefs.ts',
    from: 'if (ahead || accused || mistaken)',
    to: 'if (ahead || mistaken)',
  },
  {
    name: 'refutation does not look at the accused incarnation',
    file: 'claim.ts',
    from: 'Math.max(own, accused) + 1',
    to: 'own + 1',
  },
  {
    name: 'the dead hear no gossip',
    file: 'beliefs.ts',
    from: "return member.state === 'dead' && now - member.changedAtMs < profile.gossipToDeadMs",
    to: 'return false',
  },
  {
    name: 'a death in a state exchange is taken as death',
    file: 'push-pull.ts',
    from: "if (claim.state !== 'dead') return claim",
    to: "if (claim.id !== '') return claim",
  },
  {
    name: 'a suspicion that nobody can confirm has no least time',
    file: 'suspicion.ts',
    from: 'if (wanted < 1) return minMs',
    to: 'if (wanted < 1) return 0',
  },
  {
    name: 'the first accuser counts as a confirmation',
    file: 'suspicion.ts',
    from: 'this.#accusers.size - 1',
    to: 'this.#accusers.size',
  },
  {
    name: 'one closed port is enough',
    file: 'suspicion.ts',
    from: 'return Math.max(2, suspicionMult - 2)',
    to: 'return 1',
  },
  {
    name: 'strong evidence is never taken back',
    file: 'suspicion.ts',
    from: 'if (this.#accusers.has(by)) this.#accusers.set(by, false)',
    to: 'void by',
  },
  {
    name: 'the probe order is not shuffled',
    file: 'probe-order.ts',
    from: 'shuffled(this.#random, this.#order.filter(accept))',
    to: 'this.#order.filter(accept)',
  },
  {
    name: 'new members are always probed last',
    file: 'probe-order.ts',
    from: 'this.#random.int(this.#order.length + 1)',
    to: 'this.#order.length',
  },
  {
    name: 'the verdict of a late timer is kept',
    file: 'probe.ts',
    from: 'if (this.#turn.lateAt >= probe.startedAt) return',
    to: 'if (this.#turn.lateAt > this.#turn.now) return',
  },
  {
    name: 'a standstill between timers goes unseen',
    file: 'failure-detector.ts',
    from: "if (!pending || timers.at('beat') !== undefined) return",
    to: 'return',
  },
  {
    name: 'a suspicion ends although we stood still',
    file: 'suspicions.ts',
    from: '!suspicion.postpone(now)) return',
    to: 'suspicion.postpone(now) || now > 0) return',
  },
  {
    name: 'nacks are ignored',
    file: 'probe.ts',
    from: 'probe.helpers.set(from, true)',
    to: 'probe.helpers.set(from, false)',
  },
  {
    name: 'anybody may answer for the target',
    file: 'probe.ts',
    from: 'if (!direct && !probe.helpers.has(from)) return false',
    to: '',
  },
  {
    name: 'suspects are not told',
    file: 'beliefs.ts',
    from: "if (held === undefined || held.member.state === 'alive') {",
    to: "if (to !== '') {",
  },
  {
    name: 'the slander of the dead is believed',
    file: 'swim.ts',
    from: "if (held?.state === 'dead') this.#hearing.onMessageOfDead",
    to: "if (held?.id === '') this.#hearing.onMessageOfDead",
  },
  {
    name: 'edges that failed are dialled for ever',
    file: 'beliefs.ts',
    from: "state === 'dead' && role === 'member'",
    to: "state === 'dead' && role !== undefined",
  },
  {
    name: 'the failed are not dialled again',
    file: 'beliefs.ts',
    from: "if (state === 'dead' && role === 'member') this.#parts.reconnect.addFailed(id)",
    to: "if (state === 'alive') this.#parts.reconnect.addFailed(id)",
  },
  {
    name: 'members are alive under old facts',
    file: 'beliefs.ts',
    from: 'if (isUp(claim.state) && lacksFacts && facts === null) {',
    to: 'if (held === undefined && facts === null) {',
  },
  {
    name: 'a wiped disk is not told from its forerunner',
    file: 'beliefs.ts',
    from: 'claim.version !== version || claim.storageId !== member.storageId',
    to: 'claim.version !== version',
  },
  {
    name: 'messages of an earlier process are heard',
    file: 'swim.ts',
    from: 'if (held !== undefined && isPredecessor(from, held)) return',
    to: '',
  },
  {
    name: 'a departure is dialled for ever',
    file: 'beliefs.ts',
    from: 'else this.#parts.reconnect.remove(id)',
    to: 'else this.#parts.reconnect.addFailed(id)',
  },
  {
    name: 'rumours are passed on without end',
    file: 'dissemination.ts',
    from: 'if (entry.sent < limit) this.#put(entry)',
    to: 'if (entry.sent < limit + 1) this.#put(entry)',
  },
]

const SUITES = ['formulas', 'dissemination', 'timetable', 'papers', 'beliefs', 'several'].map(
  (suite) => `swim/${suite}.test`,
)
/** The rest is slow, and of no rule. */
const QUICK = /^(?!.*no more members than)/
describeMutants(
  'mutants of swim',
  MUTANTS.map(({ file, ...rest }) => {
    return { ...rest, file: `swim/${file}`, suites: SUITES, tests: QUICK }
  }),
)
