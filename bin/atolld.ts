#!/usr/bin/env node
/** atolld: the daemon, and every command of atoll. */
import './require-node.ts'
import { fileURLToPath } from 'node:url'

const { cacheCode } = await import('../src/cli/code-cache.ts')
cacheCode()
const { exit } = await import('../src/cli/exit.ts')
const { isCommandLine } = await import('../src/cli/command-word.ts')
const argv = process.argv.slice(2)
if (isCommandLine(argv)) {
  const { runCli } = await import('../src/cli/main.ts')
  const atolld = fileURLToPath(import.meta.url)
  await exit(await runCli(argv, { name: 'atolld', atolld }))
}
const { runDaemon } = await import('../src/daemon/main.ts')
await exit(await runDaemon(argv, process.env))
