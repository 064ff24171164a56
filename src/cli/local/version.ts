/** `version`: of this program, without a daemon; `status` tells the daemon's. */
import { VERSION } from '../../base/version.ts'
import type { CommandContext } from '../command.ts'

export function showVersion({ output }: CommandContext): void {
  output.result(
    { version: VERSION, node: process.versions.node },
    { human: ({ version }) => `${version}\n`, raw: ({ version }) => `${version}\n` },
  )
}
