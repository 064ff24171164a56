/** `completion SHELL`: a script made from the commands that there are. */
import type { Command, Option } from 'commander'
import { AtollError } from '../../base/errors.ts'
import type { CommandContext } from '../command.ts'

/** What may follow which words. */
interface Place {
  /** `kv put`, '' for the first word. */
  readonly words: string
  readonly commands: readonly { readonly word: string; readonly help: string }[]
  readonly options: readonly Option[]
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
  const commands = command.commands.map((child) => {
    return { word: child.name(), help: child.description() }
  })
  const inner = command.commands.flatMap((child) => placesOf(child, join(words, child.name())))
  return [{ words, commands, options: command.options }, ...inner]
}

function join(words: string, word: string): string {
  return words === '' ? word : `${words} ${word}`
}

/**
 * `words` are those that name a command; what is neither that nor an option is an argument. After
 * an option that takes a value come its choices, the contexts after `--at`, else files.
 */
function bash(program: string, places: readonly Place[]): string {
  const everywhere = places.find(({ words }) => words === '')?.options ?? []
  const groups = places.map(({ words, commands, options }) => {
    const flags = words === '' ? [] : flagsOf(options)
    const next = commands.map(({ word }) => word).join(' ')
    return `    "${words}") next="${next}" flags="${flags.join(' ')}";;`
  })
  const known = places.flatMap(({ words }) => (words === '' ? [] : [`"${words}"`]))
  const valued = places.flatMap(({ options }) => options.filter(takesValue).flatMap(namesOf))
  return `_${program}() {
  local words="" word next="" flags="" option="" current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ -n "$option" ]; then
      [ "$word" = "=" ] || option=""
      continue
    fi
    case "$word" in
      ${[...new Set(valued)].join('|')}) option="$word"; continue;;
    esac
    case "\${words:+$words }$word" in
      ${known.join('|')}) words="\${words:+$words }$word";;
    esac
  done
  case "$words" in
${groups.join('\n')}
  esac
  case "$current" in
    -*) next="$flags ${flagsOf(everywhere).join(' ')}";;
    =) current="";;
  esac
  if [ -n "$option" ]; then
    next=""
    case "$words $option" in
${places.flatMap(choicesOf).join('\n')}
      *" --at") next="$(${program} -o raw context ls 2>/dev/null | cut -f 1)";;
    esac
  fi
  COMPREPLY=($(compgen -W "$next" -- "$current"))
}
complete -o default -F _${program} ${program}
`
}

function choicesOf({ words, options }: Place): string[] {
  return options.flatMap((option) => {
    if (option.argChoices === undefined) return []
    const patterns = namesOf(option).map((name) =>
      words === '' ? `*" ${name}"` : `"${words} ${name}"`,
    )
    return [`      ${patterns.join('|')}) next="${option.argChoices.join(' ')}";;`]
  })
}

function flagsOf(options: readonly Option[]): string[] {
  return options.flatMap(({ long }) => (long ? [long] : []))
}

function namesOf({ short, long }: Option): string[] {
  return [short, long].flatMap((name) => (name ? [name] : []))
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional
}

function fish(program: string, places: readonly Place[]): string {
  const lines = places.flatMap(({ words, commands, options }) => [
    ...commands.map(({ word, help }) => ` -n ${within(words)} -f -a ${word}${told(help)}`),
    ...options.flatMap((option) => {
      if (!option.long) return []
      const when = words === '' ? '' : ` -n ${within(words)}`
      const what = ` -l ${option.long.slice(2)}${valueOf(option)}`
      return [`${when}${what}${told(option.description)}`]
    }),
  ])
  return lines.map((line) => `complete -c ${program}${line}\n`).join('')
}

function told(help: string): string {
  return ` -d '${help.replaceAll("'", "\\'")}'`
}

function valueOf(option: Option): string {
  if (option.argChoices !== undefined) return ` -x -a '${option.argChoices.join(' ')}'`
  return takesValue(option) ? ' -r' : ''
}

function within(words: string): string {
  if (words === '') return "'__fish_use_subcommand'"
  const seen = words.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`)
  return `'${seen.join('; and ')}'`
}
