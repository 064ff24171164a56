/** What is wrong with the bytes of an RDB file. */
import { AtollError } from '../../../base/errors.ts'

export function malformed(what: string): AtollError {
  return new AtollError('USAGE', `the RDB file is damaged: ${what}`)
}
