/** `atolld --help`, from the table of settings. */
import { SETTINGS } from './settings.ts'

export function daemonHelp(): string {
  const rows = Object.values(SETTINGS).map(({ flag, placeholder, env, help }) => [
    `--${flag} ${placeholder}`.trim(),
    `${help} (${env})`,
  ])
  const all = [...rows, ['--config FILE', 'JSON with these settings (ATOLL_CONFIG)']]
  const width = Math.max(...all.map(([name = '']) => name.length))
  const lines = all.map(([name = '', help = '']) => `  ${name.padEnd(width)}  ${help}`)
  return `atolld: one peer of an atoll cluster

usage: atolld [settings]        run the daemon in the foreground
       atolld COMMAND …         any command of atoll, such as: atolld dev

${lines.join('\n')}

A setting comes from its flag, else its variable, else the file, else its default; see
\`atoll config show\`. A daemon on an empty directory belongs to no cluster and serves only its
local socket until \`atoll init\` or \`atoll join\`.
`
}
