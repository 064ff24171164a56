/** Says in one sentence that this Node.js is too old. It must itself run on an old one. */
import { nodeTooOld } from '../src/base/node-version.ts'

const why = nodeTooOld(process.versions.node)
if (why !== null) {
  process.stderr.write(`error UNSUPPORTED: ${why}\n`)
  // As the table of errors has it, which is not loaded here.
  process.exit(2)
}
