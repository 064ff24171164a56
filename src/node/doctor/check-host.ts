/** The machine: who else may read or command this node, and whether files and disk suffice. */
import { unreachable } from '../../base/assert.ts'
import type { HostFigures, HostPath } from '../../seams/host.ts'
import type { Finding } from '../watch-api.ts'
import { fail, ok, size, warn } from './finding.ts'

const OTHERS = 0o007
const OTHERS_WRITE = 0o002
const STICKY = 0o1000
const GROUP = 0o070

/** The log, the index, pipes and libraries. */
const FILES_OWN = 128
/** Connections to the socket (RPC_LIMITS.connectionsMax). */
const FILES_CLIENTS = 256
/** A connection, and another while both sides dial. */
export const FILES_EACH_MEMBER = 2
/** Below this much room anything may fail at once. */
const FILES_LEFT = 32

const MIB = 1024 ** 2
const GIB = 1024 ** 3
/** Tables, the log before a checkpoint, and the copy that a checkpoint makes. */
export const SPACE_FAIL_BYTES = 128 * MIB
export const SPACE_WARN_BYTES = GIB

export function checkPermissions(paths: readonly HostPath[]): Finding[] {
  const findings = paths.flatMap(ofPath)
  if (findings.length > 0 || paths.length === 0) return findings
  return [ok('permissions', 'data, keys and socket are for this user alone')]
}

function ofPath({ kind, path, mode }: HostPath): Finding[] {
  const octal = (mode & 0o777).toString(8).padStart(4, '0')
  const is = `${path} is ${octal}`
  const only = (bits: string): string => `chmod ${bits} ${shellWord(path)}`
  switch (kind) {
    case 'data directory':
      if (mode & OTHERS)
        return [fail('permissions', `${is}: anybody may read the data`, only('700'))]
      return mode & GROUP
        ? [warn('permissions', `${is}: its group may read the data`, only('700'))]
        : []
    case 'secret':
      if ((mode & (OTHERS | GROUP)) === 0) return []
      return [fail('permissions', `${is}: others may read a key and be this node`, only('600'))]
    case 'socket':
      if (mode & OTHERS) {
        return [fail('permissions', `${is}: anybody may command this daemon`, only('600'))]
      }
      return mode & GROUP
        ? [warn('permissions', `${is}: its group may command this daemon`, only('600'))]
        : []
    case 'socket directory':
      if ((mode & OTHERS_WRITE) === 0 || (mode & STICKY) !== 0) return []
      return [fail('permissions', `${is}: anybody may put a socket of his own there`, only('700'))]
    default:
      return unreachable(kind)
  }
}

/** To be pasted into a shell. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

export function checkOpenFiles(files: HostFigures['openFiles'], members: number): Finding[] {
  if (files === null) return []
  const needed = FILES_OWN + FILES_CLIENTS + FILES_EACH_MEMBER * members
  const seen = `${files.now} of ${files.max} files are open`
  const wants = `a cluster of ${members} may need ${needed}`
  const fix = `raise the limit: LimitNOFILE=65536 in the unit, or ulimit -n 65536 before the start`
  if (files.max - files.now < FILES_LEFT) return [fail('open files', `${seen}; ${wants}`, fix)]
  if (files.max < needed) return [warn('open files', `${seen}; ${wants}`, fix)]
  return [ok('open files', seen)]
}

export function checkSpace(disk: HostFigures['disk']): Finding[] {
  if (disk === null) return []
  const { freeBytes, totalBytes } = disk
  const seen = `${size(freeBytes)} of ${size(totalBytes)} are free for data`
  const fix = 'make room or give it a larger disk: on a full one all writes are refused'
  if (freeBytes < SPACE_FAIL_BYTES) return [fail('disk space', seen, fix)]
  return [freeBytes < SPACE_WARN_BYTES ? warn('disk space', seen, fix) : ok('disk space', seen)]
}
