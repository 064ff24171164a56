/** `recover` on the real system's directories. It needs no network, and loads none. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { SystemClock } from '../adapters/system-clock.ts'
import { silentLog } from '../adapters/system-log.ts'
import { SystemRandom } from '../adapters/system-random.ts'
import { openSystemStorage } from '../adapters/system-storage.ts'
import { AtollError } from '../base/errors.ts'
import { IDENTITY_FILE } from '../node/identity.ts'
import { recover, type Recovered, type RecoverOptions } from '../node/recover/recover.ts'

/** Makes no directory by mistake: opening one would. Rejects as `recover` does. */
export async function recoverDirectories(options: RecoverOptions): Promise<Recovered> {
  const stranger = options.data.find((directory) => !existsSync(join(directory, IDENTITY_FILE)))
  if (stranger !== undefined) {
    throw new AtollError('USAGE', `${stranger} is no data directory of a member`)
  }
  if (existsSync(options.into) && readdirSync(options.into).length > 0) {
    throw new AtollError('CONFLICT', `${options.into} is not empty`, {
      hint: 'name a directory that does not exist yet; what a recovery that was cut off left may be removed',
    })
  }
  return await recover(options, {
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: silentLog,
    storage: openSystemStorage,
    network: () => {
      throw new AtollError('INTERNAL', 'a recovery speaks to nobody')
    },
  })
}
