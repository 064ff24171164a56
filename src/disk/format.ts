/** The format number of a data directory: a version refuses what it does not know. */
import { utf8, utf8ToText } from '../base/bytes.ts'
import { AtollError } from '../base/errors.ts'
import type { Storage } from '../seams/storage.ts'
import { damaged } from './damage.ts'

const FILE = 'format'
export const FORMAT = 1

export async function checkFormat(storage: Storage): Promise<void> {
  const bytes = await storage.read(FILE)
  if (bytes === null) {
    const names = await storage.list()
    if (names.some((name) => name.startsWith('log-'))) {
      throw damaged('the data directory has a log but no format number')
    }
    return storage.replace(FILE, utf8(`${FORMAT}\n`))
  }
  const text = utf8ToText(bytes)?.trim() ?? ''
  if (text === String(FORMAT)) return
  if (!/^\d{1,9}$/.test(text)) {
    throw damaged('the format number of the data directory is unreadable')
  }
  throw new AtollError(
    'FORMAT_UNKNOWN',
    `the data directory has format ${text}; this version knows format ${FORMAT}`,
    { hint: 'use the version of atoll that wrote it' },
  )
}
