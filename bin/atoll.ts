#!/usr/bin/env node
/** atoll: the command line. Everything else is loaded after the check of Node's version. */
import './require-node.ts'
import { fileURLToPath } from 'node:url'

const { cacheCode } = await import('../src/cli/code-cache.ts')
cacheCode()
const { exit } = await import('../src/cli/exit.ts')
const { runCli } = await import('../src/cli/main.ts')
const self = fileURLToPath(import.meta.url)
const atolld = self.replace(/atoll(\.[jt]s)$/, 'atolld$1')
await exit(await runCli(process.argv.slice(2), { name: 'atoll', atolld }))
