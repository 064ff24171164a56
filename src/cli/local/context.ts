/** `context ls` and `context use`. */
import type { CommandContext } from '../command.ts'
import { findContext, readContexts, writeContexts } from '../contexts.ts'
import { columns } from '../terminal.ts'

interface Row {
  readonly name: string
  readonly socket: string
  readonly current: boolean
}

export function listContexts({ env, output }: CommandContext): void {
  const { current, contexts } = readContexts(env)
  const rows: readonly Row[] = Object.entries(contexts).map(([name, { socket }]) => {
    return { name, socket, current: name === current }
  })
  output.result(rows, {
    human: (all) => columns(all.map((row) => [row.current ? '*' : ' ', row.name, row.socket])),
  })
}

export async function useContext({ env, output }: CommandContext, name: string): Promise<void> {
  const contexts = readContexts(env)
  const current = findContext(contexts, name)
  writeContexts(env, { ...contexts, current })
  output.result(
    { current },
    { human: (now) => `ok  context ${now.current}\n`, raw: (now) => `${now.current}\n` },
  )
}
