/** Orders of `atoll dev` to a daemon that it started, over the channel between parent and child. */
import * as v from 'valibot'
import type { Cable } from './dev-cut.ts'

const order = v.object({ cut: v.boolean() })

/** The daemon ends with its parent: a throw-away mesh leaves nothing behind. */
export function obeyDev(cable: Cable): void {
  process.on('message', (message) => {
    const parsed = v.safeParse(order, message)
    if (!parsed.success) return
    if (parsed.output.cut) cable.cut()
    else cable.heal()
    process.send?.({ done: true })
  })
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
}
