/**
 * Loaded into whatever runs tests: compiled code, and sources without their types, are kept between
 * processes, so that what a test starts is up in half the time. A source that was changed is read
 * anew.
 */
import { enableCompileCache } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = join(tmpdir(), `atoll-test-code-${process.getuid?.() ?? 0}`)
// For the processes that tests start.
process.env['NODE_COMPILE_CACHE'] ??= folder
enableCompileCache(process.env['NODE_COMPILE_CACHE'])
