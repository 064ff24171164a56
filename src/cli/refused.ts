/**
 * What is said of a command line that is none: what is wrong, and the command that was meant, also
 * by those who bring the words of another store.
 */
import type { CommanderError } from 'commander'
import { AtollError } from '../base/errors.ts'

export interface Meant {
  /** The command that the words were for, as far as they were understood: `atoll kv put`. */
  readonly words: string
  readonly takesArguments: boolean
  /** It has commands of its own. */
  readonly isGroup: boolean
  /** The first of its arguments. */
  readonly next: string | undefined
}

/** Where other words lead, by the group where they were looked for. No command has such a name. */
export const OTHER_WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': {
    get: 'kv get',
    put: 'kv put',
    set: 'kv put',
    del: 'kv del',
    delete: 'kv del',
    rm: 'kv del',
    ls: 'kv ls',
    list: 'kv ls',
    keys: 'kv ls',
    watch: 'kv watch',
    export: 'kv export',
    import: 'kv import',
    incr: 'kv counter add',
    counter: 'kv counter',
    cas: 'reg cas',
    members: 'member ls',
    nodes: 'member ls',
    services: 'member ls',
    info: 'status',
    health: 'doctor',
    snapshot: 'kv export',
    backup: 'kv export',
    restore: 'kv import',
    lease: 'kv put KEY VALUE --ttl 10s',
  },
  kv: {
    rm: 'kv del',
    remove: 'kv del',
    list: 'kv ls',
    keys: 'kv ls',
    scan: 'kv ls',
    incr: 'kv counter add',
    add: 'kv counter add',
    cas: 'reg cas',
    exists: 'kv get KEY',
    ttl: 'kv get KEY',
    expire: 'kv put KEY VALUE --ttl 10s',
    sadd: 'kv set add',
    srem: 'kv set rm',
    smembers: 'kv set ls',
  },
  'kv counter': {
    incr: 'kv counter add',
    sub: 'kv counter add KEY -N',
    decr: 'kv counter add KEY -N',
    ls: 'kv ls',
    rm: 'kv del',
    del: 'kv del',
    reset: 'kv del',
  },
  'kv set': {
    del: 'kv set rm',
    remove: 'kv set rm',
    get: 'kv set ls',
    members: 'kv set ls',
    has: 'kv set ls',
    contains: 'kv set ls',
  },
  reg: { put: 'reg set', rm: 'reg del', list: 'reg ls' },
  member: { list: 'member ls', rm: 'member remove' },
  dev: { resume: 'dev heal', unpause: 'dev heal', restart: 'dev heal', start: 'dev heal' },
}

/** What other stores have and this version has not, and the nearest that it has. */
const NEAREST = {
  lock: 'reg set KEY VALUE --if-absent (it holds until it is deleted)',
  elect: 'reg set KEY VALUE --if-absent (it holds until it is deleted)',
  election: 'reg set KEY VALUE --if-absent (it holds until it is deleted)',
  txn: 'reg cas, of one key',
} as const

/** What people look for at the store, and where it is. */
const CONDITIONS = /'--(?:if-version|if-absent|fence|cas|nx|xx)\b/

/** What to write in place of an option of another store; null: it is no such option. */
function elsewhere(option: string, words: string): string | null {
  const isOfStore = / kv( \w+)+$/.test(words)
  const [program = ''] = words.split(' ')
  if (option === '--context') return 'a daemon is chosen by its name: --at NAME'
  if (isOfStore && ['--prefix', '--recurse', '-recurse', '-prefix'].includes(option)) {
    return words.endsWith(' del')
      ? `keys are deleted one by one; their names: ${program} -o raw kv ls PREFIX`
      : `a prefix is an argument: ${words.replace(/ get$/, ' ls')} PREFIX`
  }
  const isPut = words.endsWith(' kv put')
  if (isPut && /^--(?:ex|px|expire|expires|lease)$/.test(option))
    return 'a value ends by: --ttl 10s'
  return null
}

export function refused(error: CommanderError, meant: Meant): AtollError {
  const message = error.message.replace(/^error: /, '').replace(/\s+/g, ' ')
  if (isUnknownCommand(error, meant)) return unknownCommand(message, meant)
  const shown = message.startsWith('(outputHelp)') ? 'a command is missing' : message
  const isUnknown = error.code === 'commander.unknownOption'
  if (isUnknown && / kv( \w+)+$/.test(meant.words) && CONDITIONS.test(message)) {
    return new AtollError('USAGE', 'the store takes every write: it knows no conditions', {
      hint: `registers do: ${meant.words.replace(/ kv( \w+)+$/, ' reg set')} --help`,
    })
  }
  const option = isUnknown ? (/'(--?[\w-]+)/.exec(message)?.[1] ?? '') : ''
  const other = elsewhere(option, meant.words)
  if (other !== null) return new AtollError('USAGE', shown, { hint: other })
  const perhapsValue = isUnknown && meant.takesArguments
  const dashes = perhapsValue ? 'write -- before a value that begins with a dash; ' : ''
  return new AtollError('USAGE', shown, { hint: `${dashes}${seeHelp(meant)}` })
}

export function seeHelp({ words }: Meant): string {
  return `see: ${words} --help`
}

/** Of a group that does something by itself, an unknown command is an argument too many. */
function isUnknownCommand({ code }: CommanderError, { isGroup }: Meant): boolean {
  return code === 'commander.unknownCommand' || (isGroup && code === 'commander.excessArguments')
}

function unknownCommand(message: string, meant: Meant): AtollError {
  const word = meant.next ?? ''
  const [program = '', ...group] = meant.words.split(' ')
  const words = new Map(Object.entries(OTHER_WORDS[group.join(' ')] ?? {}))
  const other = words.get(word)
  if (other !== undefined) {
    const hint = `here it is: ${program} ${other}`
    return new AtollError('USAGE', `unknown command '${word}'`, { hint })
  }
  const nearest = group.length === 0 ? new Map(Object.entries(NEAREST)).get(word) : undefined
  if (nearest !== undefined) {
    const hint = `it is not in this version; nearest: ${program} ${nearest}`
    return new AtollError('USAGE', `unknown command '${word}'`, { hint })
  }
  const shown = message.startsWith('unknown command') ? message : `unknown command '${word}'`
  if (meant.words.endsWith(' kv set')) {
    const hint = `a value is stored by: ${program} kv put KEY VALUE`
    return new AtollError('USAGE', shown, { hint })
  }
  return new AtollError('USAGE', shown, { hint: seeHelp(meant) })
}
