/**
 * Whether the arguments of `atolld` are a command of atoll rather than settings of the daemon: the
 * daemon takes no words, so the first one decides.
 */

/** Options whose next argument belongs to them. */
const WITH_VALUE =
  /^(-o|--(output|at|timeout|config|data|socket|listen|announce|name|zone|capacity|tag|profile|partitions|replication-factor|log-level|join))$/

export function isCommandLine(argv: readonly string[]): boolean {
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? ''
    if (WITH_VALUE.test(argument)) i++
    else if (!argument.startsWith('-')) return true
  }
  return false
}
