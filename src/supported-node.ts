/**
 * The first import of the package's entries: on a Node.js that is too old it throws, in one
 * sentence, before anything else of the package is run.
 */
import { AtollError } from './base/errors.ts'
import { nodeTooOld } from './base/node-version.ts'

const why = nodeTooOld(process.versions.node)
if (why !== null) throw new AtollError('UNSUPPORTED', why)
