/** A value of Redis as it lies in an RDB file, whatever its encoding. Immutable. */
export type RdbValue =
  | { readonly kind: 'string'; readonly bytes: Buffer }
  | { readonly kind: 'list' | 'set'; readonly items: readonly Buffer[] }
  | { readonly kind: 'hash'; readonly fields: readonly (readonly [Buffer, Buffer])[] }
  | { readonly kind: 'zset'; readonly members: readonly (readonly [Buffer, number])[] }
  /** Read over: what it is, in words. */
  | { readonly kind: 'unread'; readonly what: string }

export interface RdbKey {
  readonly database: number
  /** null: longer than any key may be, so it was read over. */
  readonly key: Buffer | null
  readonly value: RdbValue
  /** Wall time; null: never. */
  readonly expiresAtMs: number | null
}
