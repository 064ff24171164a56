/** `config show` and `config validate`. */
import { AtollError, isAtollError } from '../../base/errors.ts'
import { readConfigFile } from '../../daemon/config-file.ts'
import { resolveSettings } from '../../daemon/resolve-settings.ts'
import type { CommandContext } from '../command.ts'
import { columns, printable } from '../terminal.ts'

interface Row {
  readonly setting: string
  readonly value: unknown
  readonly source: string
}

/** A ticket is a secret and stays one. */
const SECRET = 'join'

export function showConfig({ env, output }: CommandContext): void {
  const { settings, sources } = resolveSettings([], env)
  const rows: readonly Row[] = Object.entries(settings).map(([setting, value]) => ({
    setting,
    value: setting === SECRET && value !== null ? '(set)' : value,
    source: sources[setting as keyof typeof sources],
  }))
  output.result(rows, {
    human: (all) =>
      columns(all.map(({ setting, value, source }) => [setting, text(value), source])),
  })
}

export async function validateConfig({ output }: CommandContext, file: string): Promise<void> {
  const settings = Object.keys(checked(file))
  output.result(
    { file, valid: true, settings },
    { human: () => `ok  ${printable(file)} is valid\n`, raw: () => '' },
  )
}

/** The hint would be to do what is being done. */
function checked(file: string): object {
  try {
    return readConfigFile(file)
  } catch (error) {
    if (!isAtollError(error)) throw error
    throw new AtollError(error.code, error.message, { cause: error })
  }
}

function text(value: unknown): string {
  if (value === null || value === '') return '-'
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}
