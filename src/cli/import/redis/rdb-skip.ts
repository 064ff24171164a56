/** Values that have no counterpart here, read over by their structure. */
import type { ByteInput } from '../byte-input.ts'
import { malformed } from './rdb-error.ts'
import { readLength, skipString } from './rdb-primitives.ts'

/** An id of a stream as it stands in a pending list; a time. */
const STREAM_ID_BYTES = 16
const TIME_BYTES = 8

/** `version` as Redis numbers them: 1, 2 (7.0), 3 (7.2). */
export async function skipStream(input: ByteInput, version: 1 | 2 | 3): Promise<void> {
  await times(await readLength(input), async () => {
    await skipString(input)
    await skipString(input)
  })
  // Length and last id; then first id, greatest deleted id, and how many were ever added.
  await times(version === 1 ? 3 : 8, () => readLength(input))
  await times(await readLength(input), () => skipGroup(input, version))
}

async function skipGroup(input: ByteInput, version: 1 | 2 | 3): Promise<void> {
  await skipString(input)
  await times(version === 1 ? 2 : 3, () => readLength(input))
  await times(await readLength(input), async () => {
    await input.skip(STREAM_ID_BYTES + TIME_BYTES)
    await readLength(input)
  })
  await times(await readLength(input), async () => {
    await skipString(input)
    await input.skip(version === 3 ? 2 * TIME_BYTES : TIME_BYTES)
    await input.skip((await readLength(input)) * STREAM_ID_BYTES)
  })
}

const MODULE_END = 0
const MODULE_FLOAT = 3
const MODULE_DOUBLE = 4
const MODULE_STRING = 5

/** What a module has written: each part says what it is. */
export async function skipModuleParts(input: ByteInput): Promise<void> {
  for (;;) {
    const part = await readLength(input)
    if (part === MODULE_END) return
    if (part < MODULE_FLOAT) await readLength(input)
    else if (part === MODULE_FLOAT) await input.skip(4)
    else if (part === MODULE_DOUBLE) await input.skip(8)
    else if (part === MODULE_STRING) await skipString(input)
    else throw malformed(`an unknown part ${part} in the value of a module`)
  }
}

/** However many it says: each takes bytes, and the input ends. */
async function times(count: number, step: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i++) await step()
}
