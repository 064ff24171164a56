/** A request as the line that is sent, once it is sure that a daemon will read it. */
import { AtollError } from '../base/errors.ts'
import { jsonExcess } from '../base/json-scan.ts'
import { RPC_LIMITS } from './limits.ts'

const { lineBytesMax, depthMax, elementsMax } = RPC_LIMITS

/** Throws AtollError USAGE for what is no JSON, TOO_LARGE for what the daemon would not read. */
export function requestLine(request: object): string {
  const text = jsonText(request)
  const bytes = Buffer.byteLength(text)
  if (bytes > lineBytesMax) {
    throw new AtollError(
      'TOO_LARGE',
      `the request has ${bytes} bytes; the limit is ${lineBytesMax}`,
    )
  }
  const excess = jsonExcess(text, depthMax, elementsMax)
  if (excess === null) return text
  const limit = excess === 'depth' ? `${depthMax} levels` : `${elementsMax} elements`
  throw new AtollError('TOO_LARGE', `the JSON of the request has over ${limit}`)
}

function jsonText(request: object): string {
  try {
    return JSON.stringify(request)
  } catch (cause) {
    throw new AtollError('USAGE', `the call cannot be written as JSON: ${String(cause)}`, { cause })
  }
}
