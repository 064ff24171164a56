/** All commands and options, for commander: from the table of methods and from the local ones. */
import { Command, Help, Option } from 'commander'
import { VERSION } from '../base/version.ts'
import type { CommandContext, GlobalOptions } from './command.ts'
import { addLocalCommands } from './local-commands.ts'
import { duration } from './option-values.ts'
import type { Meant } from './refused.ts'
import { type Action, addTableCommands, commandAt } from './table-commands.ts'
import { FORMATS, type Streams } from './terminal.ts'

/** What the words asked for. */
export interface Chosen {
  readonly changes: boolean
  readonly options: GlobalOptions
  readonly action: (context: CommandContext) => Promise<void>
}

/** One line for each group of commands. */
const NOUNS: Readonly<Record<string, string>> = {
  kv: 'the replicated store',
  'kv.counter': 'counters: what is added anywhere is counted, and none of it lost',
  'kv.set': 'sets: elements that are added and removed, and never in conflict',
  reg: 'registers: values with one linearizable answer',
  member: 'who is here, and who is alive',
  ticket: 'what lets another daemon join',
  topology: 'which replica holds what',
  context: 'names for the sockets of daemons',
  debug: 'what a daemon knows of its own doings',
  config: 'the settings of a daemon',
  dev: 'a throw-away mesh on this machine, to play with and to break',
}

/** Methods whose commands do more than one call. */
const LOCAL = ['kv.ls', 'reg.ls', 'leave']

export interface Program {
  readonly program: Command
  readonly chosen: () => Chosen | null
  /** The command that the words were for, as far as they were understood. */
  readonly meant: () => Meant
}

export function buildProgram(name: string, streams: Streams): Program {
  const program = new Command(name)
  let chosen: Chosen | null = null
  const register = (changes: boolean, action: Action) => {
    chosen = { changes, action, options: optionsOf(program) }
  }
  program
    .description('talk to an atoll daemon: who is here, who is alive, and what they keep')
    .version(VERSION, '--version', 'the version')
    .addOption(new Option('-o, --output <format>', 'how results look').choices([...FORMATS]))
    .option('--socket <path>', 'socket of the daemon')
    .option('--at <context>', 'daemon by the name of its context')
    .addOption(new Option('--timeout <duration>', 'give up after this long').argParser(duration))
  for (const [noun, help] of Object.entries(NOUNS)) commandAt(program, noun).description(help)
  addTableCommands(program, register, LOCAL)
  addLocalCommands(program, register)
  let meant = meantBy(program, name)
  const onMeant = (command: Meant) => {
    meant = command
  }
  finish(program, name, streams, onMeant)
  return { program, chosen: () => chosen, meant: () => meant }
}

function optionsOf(program: Command): GlobalOptions {
  const { socket, at, timeout } = program.opts<{ socket?: string; at?: string; timeout?: number }>()
  return {
    ...(socket === undefined ? {} : { socket }),
    ...(at === undefined ? {} : { at }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
  }
}

/** Errors are thrown, not printed, and help goes where data goes. */
function finish(
  command: Command,
  words: string,
  streams: Streams,
  onMeant: (command: Meant) => void,
): void {
  command.exitOverride((error) => {
    onMeant(meantBy(command, words))
    throw error
  })
  command.hook('preAction', (_self, acting) => {
    if (acting === command) onMeant(meantBy(command, words))
  })
  command.configureOutput({ writeOut: streams.out, writeErr: () => undefined })
  command.configureHelp({ showGlobalOptions: true, formatHelp: commandsFirst })
  command.helpCommand(false)
  command.allowExcessArguments(false)
  for (const child of command.commands) {
    finish(child, `${words} ${child.name()}`, streams, onMeant)
  }
}

/** What a command has of its own, then what all have. */
function commandsFirst(command: Command, helper: Help): string {
  const sections = Help.prototype.formatHelp.call(helper, command, helper).trimEnd().split('\n\n')
  const isGlobal = (section: string) => section.startsWith('Global Options:')
  const own = sections.filter((section) => !isGlobal(section))
  return `${[...own, ...sections.filter(isGlobal)].join('\n\n')}\n`
}

function meantBy({ registeredArguments, commands, args }: Command, words: string): Meant {
  return {
    words,
    takesArguments: registeredArguments.length > 0,
    isGroup: commands.length > 0,
    next: args[0],
  }
}
