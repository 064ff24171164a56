/** The README's example of a node inside a program, with what it must print checked. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode } from 'atolld'

const node = await createNode({ dataDir: mkdtempSync(join(tmpdir(), 'atoll-example-')) })
try {
  await node.init()
  await node.kv.put('color', 'blue')
  const read = await node.kv.get('color')
  if (read?.value !== 'blue') throw new Error('the value did not come back')
  console.log(`color is ${read.value}`)
} finally {
  await node.stop()
}
