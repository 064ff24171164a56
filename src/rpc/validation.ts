/** What is wrong with parameters, in words that name the parameter. */
import type * as v from 'valibot'

const QUOTE_LENGTH_MAX = 60
const ISSUES_MAX = 3

export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  const texts = issues.slice(0, ISSUES_MAX).map(describe)
  const more = issues.length - texts.length
  return texts.join('; ') + (more > 0 ? `; and ${more} more` : '')
}

/** Conditions of registers, which people look for at the store. */
const CONDITIONS: readonly unknown[] = ['ifVersion', 'ifAbsent', 'fence']

/** Where what was asked for is to be had; undefined: nothing is known of it. */
export function hintOf(
  method: string,
  issues: readonly v.BaseIssue<unknown>[],
): string | undefined {
  if (!method.startsWith('kv.')) return undefined
  const isAsked = issues.some(
    ({ expected, path }) => expected === 'never' && CONDITIONS.includes(path?.[0].key),
  )
  return isAsked
    ? 'the store takes every write and knows no conditions; registers do: reg.set, reg.cas'
    : undefined
}

function describe(issue: v.BaseIssue<unknown>): string {
  // An item of a list is told by itself: its number would mean nothing to a person.
  const keys = issue.path?.map(({ key, type, value }) => (type === 'array' ? value : key)) ?? []
  const place = keys.map((key) => shortened(String(key))).join('.')
  const what = explain(issue, place)
  return place === '' ? what : `"${place}" ${what}`
}

function explain(issue: v.BaseIssue<unknown>, place: string): string {
  const { type, expected, received } = issue
  if (place !== '' && type === 'strict_object' && expected === 'never')
    return 'is no parameter of it'
  if (place !== '' && issue.kind === 'schema' && received === 'undefined') return 'is missing'
  if (issue.kind === 'validation') {
    if (type === 'max_length') return `is over ${String(issue.requirement)} characters`
    if (type === 'min_value') return `must be at least ${String(issue.requirement)}`
    if (type === 'max_value') return `must be at most ${String(issue.requirement)}`
    if (type === 'integer') return 'must be a whole number'
    return issue.message
  }
  if (type === 'custom') return issue.message
  if (type === 'strict_object') return 'the parameters must be an object'
  return `must be ${expected ?? 'something else'}, not ${shortened(received)}`
}

/** Whatever length it came in, it is quoted in few characters. */
export function shortened(text: string): string {
  return text.length <= QUOTE_LENGTH_MAX ? text : `${text.slice(0, QUOTE_LENGTH_MAX)}…`
}
