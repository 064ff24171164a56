/**
 * Whether the arguments of `atolld` are a command of atoll rather than settings of the daemon: the
 * daemon takes no words, so the first one decides.
 */
import { SETTINGS } from '../daemon/settings.ts'

/** Options of the command line, and of the daemon beside its settings, that take a value. */
const OTHERS = ['-o', '--output', '--at', '--timeout', '--config']

export function isCommandLine(argv: readonly string[]): boolean {
  const settings = Object.values(SETTINGS).filter(({ kind }) => kind !== 'switch')
  const withValue = new Set([...OTHERS, ...settings.map(({ flag }) => `--${flag}`)])
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? ''
    if (withValue.has(argument)) i++
    else if (!argument.startsWith('-')) return true
  }
  return false
}
