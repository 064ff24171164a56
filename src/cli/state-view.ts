/** A state as one word, in its colour. */
import type { Colour, Paint } from './terminal.ts'

const STATE_COLOURS: Readonly<Record<string, Colour>> = {
  alive: 'green',
  running: 'green',
  suspect: 'yellow',
  dead: 'red',
  removed: 'red',
}

export function state(name: string, paint: Paint): string {
  const colour = STATE_COLOURS[name]
  return colour === undefined ? name : paint(colour, name)
}
