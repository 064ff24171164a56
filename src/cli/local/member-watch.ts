/** `member watch`: one line a change, until Ctrl-C. */
import { METHODS, type ResultOf } from '../../rpc/methods.ts'
import { type CommandContext, withClient } from '../command.ts'
import { memberChange } from '../views.ts'

export async function watchMembers(context: CommandContext): Promise<void> {
  const signal = context.interrupted()
  await withClient(context, async (client) => {
    for await (const change of client.watch(METHODS['member.watch'], {}, signal)) {
      context.output.item(change as ResultOf<'member.watch'>, memberChange)
    }
  })
}
