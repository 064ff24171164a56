/** What a checker says. `unknown` means that it gave up, and is never a pass. */
export type Verdict =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string }

export const VALID: Verdict = { kind: 'valid' }

export function invalid(why: string): Verdict {
  return { kind: 'invalid', why }
}
