/**
 * Rules of what a node says of itself broken one at a time, each by a change of one place in the
 * source as it is loaded; the named suite must notice.
 */
import { describeMutants } from '../mutate.ts'

type Suite = 'doctor-checks' | 'log-control' | 'sounding' | 'watch'
type Mutant = readonly [name: string, suite: Suite, file: string, from: string, to: string]

const MUTANTS: readonly Mutant[] = [
  // Judging.
  [
    'a clock is off although it may only be slow to answer',
    'doctor-checks',
    'doctor/check-clock.ts',
    'Math.abs(offsetMs) - uncertaintyMs',
    'Math.abs(offsetMs) - 0 * uncertaintyMs',
  ],
  [
    'a clock that is behind is not off',
    'doctor-checks',
    'doctor/check-clock.ts',
    'return Math.abs(offsetMs) - ',
    'return offsetMs - ',
  ],
  [
    'the dead are looked for by everybody',
    'doctor-checks',
    'doctor/check-reach.ts',
    '!answered && sound.has(from) && (sound.has(to) || to === self)',
    '!answered && sound.has(from) && (sound.has(to) || to !== from)',
  ],
  [
    'that nobody can reach this node counts for nothing',
    'doctor-checks',
    'doctor/check-reach.ts',
    '(sound.has(to) || to === self)',
    'sound.has(to)',
  ],
  [
    'each direction of a pair is a finding',
    'doctor-checks',
    'doctor/check-reach.ts',
    '[from, to].toSorted()',
    '[from, to]',
  ],
  [
    'one that is alive and silent is only a warning',
    'doctor-checks',
    'doctor/check-reach.ts',
    "return [fail('reachability', seen, fix)]",
    "return [warn('reachability', seen, fix)]",
  ],
  [
    'one that some can dial is dialled by all',
    'doctor-checks',
    'doctor/check-dial.ts',
    "if (trial !== 'open')",
    "if (trial === 'timeout')",
  ],
  [
    'that some can dial it counts for nothing',
    'doctor-checks',
    'doctor/check-dial.ts',
    'by.length === tried && tried > 1',
    'tried > 1',
  ],
  [
    'a majority of roots down is well',
    'doctor-checks',
    'doctor/check-quorum.ts',
    'down.length > names.length - majorityOf(names.length)',
    'down.length > names.length',
  ],
  [
    'lost majorities go unseen',
    'doctor-checks',
    'doctor/check-quorum.ts',
    'if (withoutMajority > 0) {',
    'if (withoutMajority > partitions) {',
  ],
  [
    'no margin is fine',
    'doctor-checks',
    'doctor/check-quorum.ts',
    'if (toleratesFailures > 0) {',
    'if (toleratesFailures >= 0) {',
  ],
  [
    'a movement that is stuck is a movement',
    'doctor-checks',
    'doctor/check-quorum.ts',
    'if (unchangedMs < MOVING_WARN_MS)',
    'if (unchangedMs <= MOVING_WARN_MS)',
  ],
  [
    'what was slow of late is forgotten',
    'doctor-checks',
    'doctor/check-self.ts',
    ' || recent.worstMs >= SLOW_SYNC_MS',
    '',
  ],
  [
    'one standstill is nothing',
    'doctor-checks',
    'doctor/check-self.ts',
    ' || worstMs >= STALL_MS',
    '',
  ],
  [
    'older daemons are of the same version',
    'doctor-checks',
    'doctor/check-self.ts',
    'different.length === 0 && older.length === 0',
    'different.length === 0',
  ],
  [
    'only reading by others counts',
    'doctor-checks',
    'doctor/check-host.ts',
    'const OTHERS = 0o007',
    'const OTHERS = 0o004',
  ],
  [
    'a key for the group is well kept',
    'doctor-checks',
    'doctor/check-host.ts',
    'mode & (OTHERS | GROUP)',
    'mode & OTHERS',
  ],
  [
    'the sticky bit does not help',
    'doctor-checks',
    'doctor/check-host.ts',
    ' || (mode & STICKY) !== 0',
    '',
  ],
  [
    'members need no files',
    'doctor-checks',
    'doctor/check-host.ts',
    ' + FILES_EACH_MEMBER * members',
    ' + FILES_EACH_MEMBER',
  ],
  [
    'the last finding decides',
    'doctor-checks',
    'doctor/finding.ts',
    'ORDER[severity] > ORDER[least] ? severity : least',
    'ORDER[severity] >= 0 ? severity : least',
  ],
  // Asking.
  [
    'the whole round trip is the way here',
    'sounding',
    'doctor/sounding.ts',
    'rttMs / 2)',
    'rttMs * 2)',
  ],
  [
    'any number of examinations at a time',
    'sounding',
    'doctor/sounding.ts',
    'this.#serving >= REACHES_MAX',
    'this.#serving < 0',
  ],
  [
    'an examination is never over',
    'sounding',
    'doctor/sounding.ts',
    'this.#serving--',
    'this.#serving += 0',
  ],
  // Remembering.
  ['the ring grows', 'watch', 'watch/incident-ring.ts', 'this.size > INCIDENTS_MAX || ', ''],
  [
    'the ring grows in bytes',
    'watch',
    'watch/incident-ring.ts',
    ' || this.#bytes > INCIDENT_BYTES_MAX',
    '',
  ],
  [
    'what is forgotten is not counted off',
    'watch',
    'watch/incident-ring.ts',
    'this.#bytes -= oldest.bytes',
    'this.#bytes -= 0',
  ],
  [
    'a crowd that was forgotten takes more in',
    'watch',
    'watch/incident-ring.ts',
    'if (this.#growing.get(oldest.key) === oldest) this.#growing.delete(oldest.key)',
    '',
  ],
  [
    'a crowd goes on for ever',
    'watch',
    'watch/incident-ring.ts',
    'nowMs - entry.untilMs < MERGE_MS',
    'nowMs >= entry.untilMs',
  ],
  [
    'everything is a crowd',
    'watch',
    'watch/incident-ring.ts',
    'if (rule.merges !== undefined)',
    'if (rule !== null)',
  ],
  [
    'topologies are told as one, whatever happened between them',
    'watch',
    'watch/incident-ring.ts',
    "entry.rule.merges === 'any' || ",
    'entry.rule.merges !== undefined || ',
  ],
  [
    'a crowd tells its last, not its longest',
    'watch',
    'watch/incident-ring.ts',
    'Math.max(value, now)',
    'now',
  ],
  [
    'incidents have the time of the wall when they happened',
    'watch',
    'watch/incident-ring.ts',
    'const wallMs = this.#clock.wallMs() - nowMs',
    'const wallMs = 1_900_000_000_000',
  ],
  [
    'holes are silent',
    'watch',
    'watch/incident-ring.ts',
    'count: count + oldest.times,',
    'count: 0,',
  ],
  [
    'debug lines are incidents',
    'watch',
    'watch/self-watch.ts',
    "level === 'debug' ? undefined : INCIDENT_EVENTS.get(event)",
    'INCIDENT_EVENTS.get(event)',
  ],
  [
    'a standstill is a step of the wall clock',
    'watch',
    'watch/loop-watch.ts',
    'const aheadMs = this.#clock.wallMs() - nowMs',
    'const aheadMs = this.#clock.wallMs()',
  ],
  [
    'lateness is measured from the start of the wait',
    'watch',
    'watch/loop-watch.ts',
    'nowMs - this.#dueMs)',
    'nowMs - this.#dueMs + LOOP_PERIOD_MS)',
  ],
  // Levels.
  [
    'levels stay as they were set',
    'log-control',
    'log-control.ts',
    'levels.rule = levels.start\n    this.#log',
    'this.#log',
  ],
  [
    'an earlier change ends a later one',
    'log-control',
    'log-control.ts',
    '    this.stop()\n    levels.rule = rule',
    '    levels.rule = rule',
  ],
]

describeMutants(
  'mutants of what a node says of itself',
  ['node'],
  MUTANTS.map(([name, suite, file, from, to]) => {
    return { name, suites: [`node/${suite}.test`], file: `node/${file}`, from, to }
  }),
)
