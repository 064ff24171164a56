/**
 * Keeps compiled code between runs: it halves the start-up time of a command. In the user's own
 * cache, since what lies there is run.
 */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

export function cacheCode(): void {
  const { XDG_CACHE_HOME, HOME } = process.env
  if (!XDG_CACHE_HOME && !HOME) return
  enableCompileCache(join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'atoll', 'code'))
}
