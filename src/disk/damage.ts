/** How this layer says that stored bytes are not what was written. */
import { AtollError } from '../base/errors.ts'

export function damaged(what: string): AtollError {
  return new AtollError('DISK_DAMAGED', what, {
    hint: 'start this daemon on an empty data directory and let it join anew; the others hold its data',
  })
}
