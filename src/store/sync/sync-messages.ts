/** What two replicas that differ say to each other to become equal. Every message is bounded. */
import { KEY_BYTES_MAX } from '../../base/value.ts'
import { PARTITION_MAX } from '../../topology/request-header.ts'
import { WireReader, WireWriter } from '../../wire/codec.ts'
import type { Era } from '../fences.ts'
import { RECORD_BYTES_MAX, SYNC_ENTRIES } from '../limits.ts'

export type Records = readonly (readonly [string, Uint8Array])[]

export interface RecordsMessage {
  readonly topology: number
  readonly partition: number
  /** When they were read. */
  readonly era: Era
  readonly records: Records
}

/** A key of which both have something else is asked for with what the asker has, without values. */
export interface PullKey {
  readonly key: string
  /** Empty: the asker has nothing. */
  readonly head: Uint8Array
}

export interface PullQuestion {
  readonly topology: number
  readonly partition: number
  /** The asker takes records; else it merely asks which are lacked there. */
  readonly takes: boolean
  readonly keys: readonly PullKey[]
}

export interface PullAnswer {
  /** The asked lacks something that the head knows. */
  readonly lacks: boolean
  /** Empty: nothing that the asker lacks. */
  readonly record: Uint8Array
}

/** Of the first of the keys that were asked for, as many as fit; at least one. */
export interface PullAnswers {
  /** When they were read. */
  readonly era: Era
  readonly answers: readonly PullAnswer[]
}

export function encodePullQuestion(question: PullQuestion): Uint8Array {
  const out = new WireWriter().uint(question.topology).uint(question.partition)
  out.bool(question.takes)
  return out.list(question.keys, (to, { key, head }) => to.string(key).bytes(head)).finish()
}

export function decodePullQuestion(bytes: Uint8Array): PullQuestion {
  const from = new WireReader(bytes)
  const topology = from.uint()
  const partition = from.uint(PARTITION_MAX)
  const takes = from.bool()
  const keys = from.list(SYNC_ENTRIES, (each) => {
    return { key: each.string(KEY_BYTES_MAX), head: each.bytes(RECORD_BYTES_MAX) }
  })
  return { topology, partition, takes, keys }
}

export function encodePullAnswers({ era, answers }: PullAnswers): Uint8Array {
  return new WireWriter()
    .uint(era.cfg)
    .uint(era.round)
    .list(answers, (to, { lacks, record }) => to.bool(lacks).bytes(record))
    .finish()
}

export function decodePullAnswers(bytes: Uint8Array): PullAnswers {
  const from = new WireReader(bytes)
  const era = { cfg: from.uint(), round: from.uint() }
  const answers = from.list(SYNC_ENTRIES, (each) => {
    return { lacks: each.bool(), record: each.bytes(RECORD_BYTES_MAX) }
  })
  return { era, answers }
}

export function encodeRecords({ topology, partition, era, records }: RecordsMessage): Uint8Array {
  const out = new WireWriter().uint(topology).uint(partition).uint(era.cfg).uint(era.round)
  return out.list(records, (to, [key, record]) => to.string(key).bytes(record)).finish()
}

export function decodeRecords(bytes: Uint8Array): RecordsMessage {
  const from = new WireReader(bytes)
  const topology = from.uint()
  const partition = from.uint(PARTITION_MAX)
  const era = { cfg: from.uint(), round: from.uint() }
  const records = from.list(SYNC_ENTRIES, (each) => {
    return [each.string(KEY_BYTES_MAX), each.bytes(RECORD_BYTES_MAX)] as const
  })
  return { topology, partition, era, records }
}
