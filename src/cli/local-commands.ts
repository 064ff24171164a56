/** The commands that are more, or less, than one call. What they do is loaded when it is done. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { DUMP_FORMATS } from './import/dump-formats.ts'
import type { ImportOptions } from './import/kv-import.ts'
import type { ExportOptions } from './local/kv-export.ts'
import { count, duration, wholeFromZero } from './option-values.ts'
import type { RecoverFlags } from './local/recover.ts'
import { METHODS } from '../rpc/methods.ts'
import { inWords } from './spelled.ts'
import { type Action, commandAt, type Register } from './table-commands.ts'

const DEV_NODES_MAX = 9

export function addLocalCommands(program: Command, register: Register): void {
  addStoreCommands(program, register)
  addDevCommands(program, register)
  const add = (name: string, help: string, action: Action) =>
    commandAt(program, name)
      .description(help)
      .action(() => register(false, action))

  commandAt(program, 'leave')
    .description(METHODS.leave.help)
    .action(() =>
      register(true, async (context) => {
        const { leaveCluster } = await import('./local/leave.ts')
        await leaveCluster(context)
      }),
    )
  add('version', 'the version of this program', async (context) => {
    const { showVersion } = await import('./local/version.ts')
    showVersion(context)
  })
  add('config.show', 'the settings a daemon started now would have', async (context) => {
    const { showConfig } = await import('./local/config.ts')
    showConfig(context)
  })
  add('context.ls', 'list the contexts', async (context) => {
    const { listContexts } = await import('./local/context.ts')
    listContexts(context)
  })
  withArgument(program, register, 'context.use', '<name>', 'the context to use from now on', {
    help: 'choose a context',
    load: async () => (await import('./local/context.ts')).useContext,
  })
  withArgument(program, register, 'context.rm', '<name>', 'the context to remove', {
    help: 'remove a context; its daemon goes on',
    load: async () => (await import('./local/context.ts')).removeContext,
  })
  commandAt(program, 'context.add')
    .description('name the socket of a daemon')
    .argument('<name>', 'its name, such as prod/a')
    .argument('<socket>', 'path of the socket')
    .action((name: string, socket: string) =>
      register(false, async (context) => {
        const { addContext } = await import('./local/context.ts')
        await addContext(context, name, socket)
      }),
    )
  withArgument(program, register, 'config.validate', '<file>', 'the file', {
    help: 'check a configuration file',
    load: async () => (await import('./local/config.ts')).validateConfig,
  })
  commandAt(program, 'recover')
    .description('from data directories that survived the loss of a majority, a new cluster')
    .option('--offline', 'the daemons of these directories are stopped')
    .option('--data <directory...>', 'data directories of the old cluster, as many as there are')
    .option('--into <directory>', 'the data directory of the new cluster, not there yet')
    .option('--name <name>', 'name of its first member; by default the name of this machine')
    .action((flags: RecoverFlags) =>
      register(true, async (context) => {
        const { recoverOffline } = await import('./local/recover.ts')
        await recoverOffline(context, flags)
      }),
    )
  commandAt(program, 'completion')
    .description('a completion script: bash, zsh or fish')
    .argument('<shell>', 'bash, zsh or fish')
    .action((shell: string) =>
      register(false, async (context) => {
        const { showCompletion } = await import('./local/completion.ts')
        showCompletion(context, program, shell)
      }),
    )
}

interface Local {
  readonly help: string
  readonly load: () => Promise<(context: Parameters<Action>[0], argument: string) => Promise<void>>
}

function withArgument(
  program: Command,
  register: Register,
  name: string,
  argument: string,
  argumentHelp: string,
  { help, load }: Local,
): void {
  commandAt(program, name)
    .description(help)
    .argument(argument, argumentHelp)
    .action((given: string) => register(false, async (context) => (await load())(context, given)))
}

function addStoreCommands(program: Command, register: Register): void {
  addListing(program, register, 'kv.ls')
  addListing(program, register, 'reg.ls').option(
    '--deadline <duration>',
    'of each page; end with an error after this long (default: 2s)',
    duration,
  )
  addExport(program, register)
  addImport(program, register)
}

function addExport(program: Command, register: Register): void {
  commandAt(program, 'kv.export')
    .description('write keys and values as lines of JSON, for import; registers are not among them')
    .argument('[prefix]', 'what the keys begin with', '')
    .option('--to <file>', 'a new file; - or absent: standard output')
    .option('--resume', 'go on with the file where it breaks off')
    .option('--after <key>', 'begin after this key')
    .action((prefix: string, options: ExportOptions) =>
      register(false, async (context) => {
        const { exportKeys } = await import('./local/kv-export.ts')
        await exportKeys(context, prefix, options)
      }),
    )
}

function addImport(program: Command, register: Register): void {
  commandAt(program, 'kv.import')
    .description('store lines of JSON, {"key":…,"value":…}, or what another store has written')
    .argument('<file>', 'the file, or - for standard input')
    .addOption(
      new Option('--from <kind>', 'what wrote the file; by default it is recognised').choices(
        DUMP_FORMATS,
      ),
    )
    .option('--db <number>', 'of a file of Redis, the database (default: 0)', wholeFromZero)
    .option('--resume-from <number>', 'skip the lines or entries before this one', count, 1)
    .option('--in-flight <count>', 'puts under way at once', count, 512)
    .action((file: string, options: ImportOptions) =>
      register(true, async (context) => {
        const { importFile } = await import('./import/kv-import.ts')
        await importFile(context, file, options)
      }),
    )
}

function addListing(program: Command, register: Register, name: 'kv.ls' | 'reg.ls'): Command {
  return commandAt(program, name)
    .description('list keys and values by prefix')
    .argument('[prefix]', 'what the keys begin with', '')
    .option('--after <key>', 'begin after this key')
    .option('--limit <count>', 'at most this many keys', count)
    .action((prefix: string, options: { after?: string; limit?: number; deadline?: number }) =>
      register(false, async (context) => {
        const { listKeys } = await import('./local/list-keys.ts')
        const { cli } = METHODS[name]
        await inWords(name, cli, () => listKeys(context, name, prefix, options))
      }),
    )
}

function addDevCommands(program: Command, register: Register): void {
  commandAt(program, 'dev')
    .option('--nodes <count>', `daemons, 1 to ${DEV_NODES_MAX}`, nodes, 3)
    .action((options: { nodes: number }) =>
      register(false, async (context) => {
        const { runDev } = await import('./dev/run.ts')
        await runDev(context, options.nodes)
      }),
    )
  const orders = {
    kill: 'kill a daemon of the mesh, as a power loss would',
    pause: 'stop a daemon in mid-step, as a stall would',
    cut: 'cut a daemon off the network',
    heal: 'undo what was done to a daemon, or to all',
  } as const
  for (const [order, help] of Object.entries(orders)) {
    commandAt(program, `dev.${order}`)
      .description(help)
      .argument(order === 'heal' ? '[name]' : '<name>', 'the daemon')
      .action((name: string | undefined) =>
        register(true, async (context) => {
          const { giveOrder } = await import('./dev/order.ts')
          await giveOrder(context, order as keyof typeof orders, name)
        }),
      )
  }
}

function nodes(text: string): number {
  const number = count(text)
  if (number <= DEV_NODES_MAX) return number
  throw new InvalidArgumentError(`It must be at most ${DEV_NODES_MAX}.`)
}
