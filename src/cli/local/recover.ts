/** `recover --offline`: from surviving data directories, a new cluster. */
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { AtollError } from '../../base/errors.ts'
import { recoverDirectories } from '../../daemon/recover-directories.ts'
import type { Recovered } from '../../node/recover/recover.ts'
import type { CommandContext } from '../command.ts'
import { plural } from '../../base/plural.ts'
import { printable } from '../terminal.ts'

export interface RecoverFlags {
  readonly offline?: boolean
  readonly data?: readonly string[]
  readonly into?: string
  readonly name?: string
}

const NAMED_MAX = 12

export async function recoverOffline(
  { output }: CommandContext,
  { offline = false, data = [], into, name = hostname() }: RecoverFlags,
): Promise<void> {
  if (!offline) {
    throw new AtollError('USAGE', 'recover needs --offline: the daemons must be stopped', {
      hint: 'while a majority is up, nothing needs it: see: atoll topology plan',
    })
  }
  if (data.length === 0 || into === undefined) {
    throw new AtollError('USAGE', 'recover needs --data DIR … and --into NEWDIR')
  }
  const directories = [...new Set(data.map((directory) => resolve(directory)))]
  const target = resolve(into)
  const done = await recoverDirectories({ data: directories, into: target, name })
  output.result(done, {
    human: (result, paint) =>
      `${paint('green', 'ok')}  ${takenText(result)} of ${plural(result.from.disks, 'disk')} are in ` +
      `${printable(target)}, cluster ${result.clusterId}\n` +
      `next: atolld --data ${printable(target)}, then new ` +
      'tickets for the others, on new data directories\n',
    raw: ({ clusterId }) => `${clusterId}\n`,
    note: ({ partitions: { all, missing, doubtful } }) => {
      const notes = [
        ...(missing.length === 0
          ? []
          : [`no copy of ${listText(missing, all)}: what they held is lost`]),
        ...(doubtful.length === 0
          ? []
          : [
              `too few copies of ${listText(doubtful, all)}: their last changes may be lost, ` +
                'also such as were acknowledged',
            ]),
      ]
      return notes.length === 0 ? null : notes.join('\n')
    },
  })
}

function takenText({ taken }: Recovered): string {
  return Object.entries(taken)
    .map(([what, count]) => plural(count, what.replace(/s$/, '')))
    .join(', ')
}

function listText(partitions: readonly number[], all: number): string {
  const named = partitions.slice(0, NAMED_MAX).join(' ')
  const more = partitions.length > NAMED_MAX ? ' …' : ''
  return `${partitions.length} of ${all} partitions (${named}${more})`
}
