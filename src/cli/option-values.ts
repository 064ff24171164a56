/** Values of options as commander's parsers: what is wrong with one is told with its option. */
import { InvalidArgumentError } from 'commander'
import { parseDuration } from './duration.ts'

/** Milliseconds. */
export function duration(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

export function count(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number from 1 on.')
}

export function wholeFromZero(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number.')
}
