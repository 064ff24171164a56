/**
 * Looks over JSON text before it is parsed: how deep, and how many elements. Cheap bytes can make
 * an expensive parse (6 MB of `{},` stalls the event loop for half a second), and a deep tree
 * overflows the stack of whoever prints it.
 *
 * It does not check that the text is JSON; `JSON.parse` does, on text that is known to be harmless.
 */
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

export type JsonExcess = 'depth' | 'elements'

/** null when the text stays within both bounds. */
export function jsonExcess(text: string, depthMax: number, elementsMax: number): JsonExcess | null {
  let depth = 0
  let elements = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i)
        break
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (++depth > depthMax) return 'depth'
        if (++elements > elementsMax) return 'elements'
        break
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--
        break
      case COMMA:
        if (++elements > elementsMax) return 'elements'
        break
      default:
    }
  }
  return null
}

/** Index of the closing quote, or the last of the text when there is none. */
function endOfString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1)
  while (close !== -1) {
    let backslashes = 0
    while (text.charCodeAt(close - 1 - backslashes) === BACKSLASH) backslashes++
    // The backslashes are counted once per quote and end at the quote before: linear in all.
    if (backslashes % 2 === 0) return close
    close = text.indexOf('"', close + 1)
  }
  return text.length
}
