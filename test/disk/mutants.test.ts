/**
 * Rules of the disk broken one at a time, each by a change of one place in the source as it is
 * loaded; the named suite must notice.
 */
import { describeMutants } from '../mutate.ts'

type Suite =
  | 'checkpoint'
  | 'database'
  | 'group-commit'
  | 'log-record'
  | 'model'
  | 'recovery'
  | 'segments'
  | 'table'

type Mutant = readonly [
  name: string,
  suite: `disk/${Suite}` | 'contract/storage',
  file: string,
  from: string,
  to: string,
]

const MUTANTS: readonly Mutant[] = [
  // Removal of segments.
  [
    'two removals at once lose sight of a segment',
    'disk/segments',
    'disk/append-log.ts',
    'if (this.#segments[0] === oldest) this.#segments.shift()',
    'this.#segments.shift()',
  ],
  [
    'what is in the index is read again',
    'disk/segments',
    'disk/append-log.ts',
    'if (next !== undefined && sequenceOf(next) <= applied + 1) {',
    'if (next !== undefined && sequenceOf(next) <= 0) {',
  ],

  // Persist before speak.
  [
    'resolves before the sync',
    'disk/group-commit',
    'disk/append-log.ts',
    'await this.#file.sync()\n    this.#sequence++',
    'void this.#file.sync()\n    this.#sequence++',
  ],
  [
    'does not sync',
    'disk/model',
    'disk/append-log.ts',
    'await this.#file.sync()\n    this.#sequence++',
    'this.#sequence++',
  ],
  [
    'get shows what is not durable',
    'disk/group-commit',
    'disk/log-database.ts',
    'const recent = this.#checkpointer.find(key)',
    'const recent = this.#commits.find(key) ?? this.#checkpointer.find(key)',
  ],
  [
    'what is found counts as durable',
    'disk/recovery',
    'disk/append-log.ts',
    'from here on they count as durable.\n    await this.#file.sync()',
    'from here on they count as durable.',
  ],
  [
    'an older commit hides a newer one',
    'disk/group-commit',
    'disk/commits.ts',
    'if (this.#newest.get(key)?.group === group) this.#newest.delete(key)',
    'this.#newest.delete(key)',
  ],
  [
    'every commit has a sync of its own',
    'disk/group-commit',
    'disk/log-database.ts',
    'this.#clock.soon(() => this.#startFlush())\n    return this.#commits.add(writes, bytes)',
    'this.#clock.soon(() => undefined)\n    const durable = this.#commits.add(writes, bytes)\n    this.#startFlush()\n    return durable',
  ],

  // The end.
  [
    'a failed sync is tried again',
    'disk/group-commit',
    'disk/append-log.ts',
    'await this.#file.sync()\n    this.#sequence++',
    'await this.#file.sync().catch(() => this.#file?.sync())\n    this.#sequence++',
  ],
  [
    'a failed sync is a full disk',
    'disk/group-commit',
    'disk/log-database.ts',
    "if (isAtollError(error, 'DISK_FULL')) this.#refuseAll(error, group)\n      else",
    "if (isAtollError(error, 'STORAGE_FAILED')) this.#refuseAll(error, group)\n      else",
  ],
  [
    'acknowledges after the end',
    'disk/group-commit',
    'disk/log-database.ts',
    'if (this.#ended !== null) return group.reject(this.#ended)',
    '',
  ],
  [
    'a commit never hears of the end',
    'disk/group-commit',
    'disk/log-database.ts',
    'group?.reject(this.#ended)\n      return',
    'return',
  ],
  [
    'a checkpoint goes on after the end',
    'disk/checkpoint',
    'disk/log-database.ts',
    'void this.#checkpointer.stop()',
    '',
  ],
  [
    'takes commits after the end',
    'disk/checkpoint',
    'disk/log-database.ts',
    'if (this.#ended !== null) return Promise.reject(this.#ended)',
    '',
  ],

  // A full disk.
  [
    'what builds on a refused commit is taken',
    'disk/group-commit',
    'disk/commits.ts',
    'const gathering = this.take()',
    'const gathering = null as Group | null',
  ],
  [
    'the index is not tried again',
    'disk/checkpoint',
    'disk/checkpointer.ts',
    '      this.#retry = null\n      again()',
    '      this.#retry = null',
  ],
  [
    'a read ends the database while the index is opened again',
    'disk/checkpoint',
    'disk/log-database.ts',
    "if (isAtollError(error, 'BUSY') || isAtollError(error, 'STOPPED')) return error",
    '',
  ],
  [
    'a table that is too large stays so',
    'disk/checkpoint',
    'disk/checkpointer.ts',
    'if (this.isDue) this.#parts.onDue()',
    '',
  ],
  [
    'a table that is too large stays so over a restart',
    'disk/checkpoint',
    'disk/log-database.ts',
    'clock.soon(() => this.#startFlush())\n  }',
    '}',
  ],

  // Checkpoints.
  [
    'the log goes before the index has it',
    'disk/checkpoint',
    'disk/checkpointer.ts',
    'await index.write(frozen, applied, () => nextTurn(this.#parts.clock))',
    'await appendLog.removeThrough(applied)\n      await index.write(frozen, applied, () => nextTurn(this.#parts.clock))',
  ],
  [
    'the index is not synced',
    'disk/checkpoint',
    'disk/checked-index.ts',
    '{ sync: true }',
    '{ sync: false }',
  ],
  [
    'a segment goes too early',
    'disk/recovery',
    'disk/append-log.ts',
    'next.firstSequence > applied + 1) return',
    'next.firstSequence > applied + 3) return',
  ],
  ['no new segment', 'disk/checkpoint', 'disk/checkpointer.ts', 'await appendLog.rotate()', ''],
  [
    'a checkpoint under way is not read',
    'disk/database',
    'disk/checkpointer.ts',
    'return newest === undefined ? this.#frozen?.get(key) : newest',
    'return newest',
  ],
  [
    'what hides an entry of the index counts towards the limit',
    'disk/database',
    'disk/log-database.ts',
    '{ limit: limit + recent.length }',
    '{ limit }',
  ],
  [
    'a checkpoint under way is not scanned',
    'disk/database',
    'disk/merged-scan.ts',
    'const older = frozen.range(all)',
    'const older: Recent[] = frozen === null ? [] : []',
  ],
  [
    'what was deleted counts to the limit of a scan',
    'disk/table',
    'disk/table.ts',
    'if (value !== null) left--',
    'left--',
  ],
  [
    'keys that came since the last scan are not in order',
    'disk/table',
    'disk/table.ts',
    'if (!this.#isApartSorted) this.#apart.sort(compareKeys)',
    '',
  ],
  [
    'keys that came since the last scan are forgotten when they are many',
    'disk/table',
    'disk/table.ts',
    "this.#sorted = [...inOrder(this.#sorted, this.#apart, '')]",
    'this.#sorted = [...this.#sorted]',
  ],

  // Recovery.
  [
    'the check of a record is not looked at',
    'disk/log-record',
    'disk/log-record.ts',
    'if (crc32(buffer.subarray(offset + 4, endOffset)) !== buffer.readUInt32LE(offset)) return null',
    '',
  ],
  [
    'a torn tail is taken',
    'disk/recovery',
    'disk/log-record.ts',
    'if (length > BODY_BYTES_MAX || endOffset > buffer.length) return null\n  if (crc32(buffer.subarray(offset + 4, endOffset)) !== buffer.readUInt32LE(offset)) return null',
    'if (length > BODY_BYTES_MAX) return null',
  ],
  [
    'a torn tail is left where it is',
    'disk/recovery',
    'disk/append-log.ts',
    'if (this.#file.sizeBytes > endOffset) await this.#file.truncate(endOffset)',
    '',
  ],
  [
    'damage in the middle is dropped',
    'disk/recovery',
    'disk/append-log.ts',
    'if (isLast && !intactRecordAfter(file, offset, sequence)) break',
    'if (intactRecordAfter !== null) break',
  ],
  [
    'damage in the middle of the last segment is dropped',
    'disk/recovery',
    'disk/append-log.ts',
    'isLast && !intactRecordAfter(file, offset, sequence)',
    'isLast && intactRecordAfter !== null',
  ],
  [
    'a missing record is not missed',
    'disk/recovery',
    'disk/append-log.ts',
    'if (record.sequence !== sequence) {',
    'if (record.sequence < 0) {',
  ],
  [
    'a missing segment is not missed',
    'disk/recovery',
    'disk/append-log.ts',
    'if (firstSequence !== (expected ?? Math.min(firstSequence, applied + 1))) {',
    'if (firstSequence < 0) {',
  ],
  [
    'a missing log is not missed',
    'disk/recovery',
    'disk/append-log.ts',
    'if (applied > 0 && !log',
    'if (applied < 0 && !log',
  ],
  [
    'the image of a record in a value is taken for one',
    'disk/log-record',
    'disk/log-record.ts',
    'if (ahead < 1 || ahead > (start - offset) / HEADER_BYTES) continue',
    'if (ahead > (start - offset) / HEADER_BYTES) continue',
  ],
  ['the log is not sealed', 'disk/recovery', 'disk/log-database.ts', 'await this.#seal()', ''],
  [
    'a log is sealed at every start',
    'disk/group-commit',
    'disk/append-log.ts',
    'if (!this.#sealed) await',
    'await',
  ],
  [
    'a refused log keeps the index open',
    'disk/recovery',
    'disk/log-database.ts',
    'await index.close()\n    throw error',
    'throw error',
  ],
  [
    'any format will do',
    'disk/recovery',
    'disk/format.ts',
    'if (text === String(FORMAT)) return',
    "if (text !== '') return",
  ],

  // The index.
  [
    'the check of an entry is not looked at',
    'disk/checkpoint',
    'disk/checked-index.ts',
    'view.getUint32(0, true) !== checkOf(key, value)',
    'view === null',
  ],
  [
    'lost entries are not missed',
    'disk/checkpoint',
    'disk/checked-index.ts',
    'if (isSame(found, fingerprint)) return',
    'if (isSame(found, found)) return',
  ],
  [
    'entries are only counted',
    'disk/checkpoint',
    'disk/fingerprint.ts',
    'a.count === b.count && a.sum === b.sum',
    'a.count === b.count',
  ],
  [
    'an entry that is not found is there',
    'disk/checkpoint',
    'disk/checked-index.ts',
    'if (writes === this.#writes && ',
    'if (writes < 0 && ',
  ],
  [
    'a verification takes a change for damage',
    'disk/checkpoint',
    'disk/checked-index.ts',
    'if (writes === this.#writes && ',
    'if (writes >= 0 && ',
  ],
  [
    'an overwritten entry is counted twice',
    'disk/checkpoint',
    'disk/checked-index.ts',
    'if (before !== undefined) fingerprint',
    'if (before === null) fingerprint',
  ],

  // Bounds.
  [
    'a commit may be of any size',
    'disk/group-commit',
    'disk/log-database.ts',
    'if (bytes > commitBytes) {',
    'if (bytes < 0) {',
  ],
  [
    'any number may wait',
    'disk/group-commit',
    'disk/log-database.ts',
    'if (this.#commits.bytes + bytes > pendingBytes) {',
    'if (bytes < 0) {',
  ],
  [
    'the table grows without bound',
    'disk/checkpoint',
    'disk/checkpointer.ts',
    'if (this.#bytes <= this.#parts.tableBytes * TABLE_OVERFLOW) return null',
    'if (TABLE_OVERFLOW > 0) return null',
  ],
  [
    'a record may be longer than recovery believes',
    'disk/log-record',
    'disk/log-record.ts',
    "  assert(at - HEADER_BYTES <= BODY_BYTES_MAX, 'a record is never longer than recovery believes')\n",
    '',
  ],

  // The directory.
  [
    'the lock is ignored',
    'contract/storage',
    'adapters/system-storage.ts',
    'openLevelIndex(join(directory, LOCK), directory)',
    'openLevelIndex(join(directory, `${LOCK}-${process.hrtime.bigint()}`), directory)',
  ],
  [
    'a file goes on after a failed sync',
    'contract/storage',
    'adapters/system-storage.ts',
    'async append(bytes: Uint8Array): Promise<void> {\n    if (this.#failure !== null) throw this.#failure',
    'async append(bytes: Uint8Array): Promise<void> {\n    if (this.#failure !== null) return',
  ],
  [
    'names may lead anywhere',
    'contract/storage',
    'adapters/system-storage.ts',
    'if (!NAME.test(name)) throw',
    'if (!NAME.test(name) && name === null) throw',
  ],
]

describeMutants(
  'mutants of the disk',
  MUTANTS.map(([name, suite, file, from, to]) => {
    return { name, suites: [`${suite}.test`], file, from, to }
  }),
)
