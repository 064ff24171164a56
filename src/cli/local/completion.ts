/** `completion SHELL`: a script made from the commands that there are. */
import type { Command } from 'commander'
import { AtollError } from '../../base/errors.ts'
import type { CommandContext } from '../command.ts'

/** What may follow which words: `kv` → `put get …`. */
interface Place {
  /** `kv put`, '' for the first word. */
  readonly words: string
  readonly next: readonly { readonly word: string; readonly help: string }[]
}

export function showCompletion(context: CommandContext, program: Command, shell: string): void {
  const places = placesOf(program, '')
  const { out } = context.output.streams
  switch (shell) {
    case 'bash':
      return out(bash(context.program, places))
    case 'zsh':
      return out(`autoload -U +X bashcompinit && bashcompinit\n${bash(context.program, places)}`)
    case 'fish':
      return out(fish(context.program, places))
    default:
      throw new AtollError('USAGE', `there is no completion for "${shell}"`, {
        hint: 'there is: bash, zsh, fish',
      })
  }
}

function placesOf(command: Command, words: string): Place[] {
  const options = command.options.flatMap(({ long, description }) =>
    long ? [{ word: long, help: description }] : [],
  )
  const commands = command.commands.map((child) => {
    return { word: child.name(), help: child.description() }
  })
  const inner = command.commands.flatMap((child) =>
    placesOf(child, `${words} ${child.name()}`.trim()),
  )
  return [{ words, next: [...commands, ...options] }, ...inner]
}

function bash(program: string, places: readonly Place[]): string {
  const cases = places
    .filter(({ next }) => next.length > 0)
    .map(({ words, next }) => `    "${words}") next="${next.map(({ word }) => word).join(' ')}";;`)
  return `_${program}() {
  local words="" word next=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) words="\${words:+$words }$word";; esac
  done
  case "$words" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${program} ${program}
`
}

function fish(program: string, places: readonly Place[]): string {
  const lines = places.flatMap(({ words, next }) =>
    next.map(({ word, help }) => {
      const text = help.replaceAll("'", "\\'")
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`
      const when =
        words === ''
          ? word.startsWith('--')
            ? ''
            : " -n '__fish_use_subcommand'"
          : ` -n '${words.split(' ').map(seen).join('; and ')}'`
      return `complete -c ${program}${when} ${what} -d '${text}'`
    }),
  )
  return `${lines.join('\n')}\n`
}

function seen(word: string): string {
  return `__fish_seen_subcommand_from ${word}`
}
