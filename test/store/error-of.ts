/** How tests look at a refusal. */
import assert from 'node:assert/strict'
import { type AtollError, isAtollError } from '../../src/base/errors.ts'

export async function errorOf(call: Promise<unknown>): Promise<AtollError> {
  const error = await call.then(
    () => null,
    (each: unknown) => each,
  )
  assert.ok(isAtollError(error), `an AtollError expected, not ${String(error)}`)
  return error
}
