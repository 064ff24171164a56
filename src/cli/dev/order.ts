/** `dev kill|pause|cut|heal NAME`, from another terminal. */
import type * as v from 'valibot'
import { AtollError } from '../../base/errors.ts'
import { connectClient } from '../../rpc/connect-client.ts'
import type { CommandContext } from '../command.ts'
import { readContexts } from '../contexts.ts'
import { formatDuration } from '../duration.ts'
import { type Order, orderResult } from './orders.ts'

/** Longer than a mesh may take to see what was done. */
const PATIENCE_MS = 90_000

const DONE: Readonly<Record<Order, string>> = {
  kill: 'killed',
  pause: 'paused',
  cut: 'cut off',
  heal: 'healed',
}

export async function giveOrder(
  context: CommandContext,
  order: Order,
  name: string | undefined,
): Promise<void> {
  const { output, env } = context
  const { contexts } = readContexts(env)
  const control = Object.values(contexts).find((one) => one.control !== undefined)?.control
  // One whose process died leaves its contexts behind; it is none.
  const client = control === undefined ? null : await connectClient(control).catch(() => null)
  if (client === null) {
    throw new AtollError('UNREACHABLE', 'there is no throw-away mesh', {
      hint: `start one with: ${context.program} dev`,
    })
  }
  try {
    const method = { name: `dev.${order}`, changes: true, result: orderResult }
    const params = name === undefined ? {} : { name }
    const result = await client.call(method, params, { patienceMs: PATIENCE_MS })
    output.result(result as v.InferOutput<typeof orderResult>, {
      human: ({ nodes, seenAfterMs }) => {
        if (nodes.length === 0) return 'ok  nothing was harmed\n'
        const seen = seenAfterMs === null ? 'not yet' : `after ${formatDuration(seenAfterMs)}`
        return `ok  ${nodes.join(' ')} ${DONE[order]}, seen by the others ${seen}\n`
      },
      raw: ({ nodes }) => nodes.map((node) => `${node}\n`).join(''),
    })
  } finally {
    await client.close()
  }
}
