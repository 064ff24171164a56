/**
 * Registers as programs see them: the `reg` part of the node's interface, the same embedded and over
 * the socket. Each key is one register with one linearizable history.
 */
import type { JsonValue, Value } from '../base/value.ts'

export interface RegCallOptions {
  /** The call ends with TIMEOUT or NO_QUORUM after this long; 2 s by default. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

/** For calls that change something. */
export interface RegChangeOptions extends RegCallOptions {
  /**
   * A name of this change, at most 63 bytes. A second call of that name on the key gives what the
   * first one came to, and does not happen again, as long as the register remembers it: for the
   * next seven changes, mostly for 63: fewer where each is of many named calls. An error's
   * `outcome` is of its own call: one that was `unknown` stays in doubt although a repeat that
   * reached nobody ends `not-applied`. Repeat until it succeeds, or ends with CONFLICT.
   */
  readonly opId?: string
  /**
   * With `opId`, a version known before the first call: if the register does not remember
   * everything since, also because the key was deleted long ago and made anew, the second call
   * ends with outcome unknown instead of happening again.
   */
  readonly since?: string
}

export interface RegSetOptions extends RegChangeOptions {
  /** Only if this is the current version; else CONFLICT. */
  readonly ifVersion?: string
  /** Only if there is no value; else CONFLICT. */
  readonly ifAbsent?: boolean
}

export interface RegDelOptions extends RegChangeOptions {
  readonly ifVersion?: string
}

export interface RegWritten {
  readonly key: string
  /** Opaque; grows with every change, also as text. */
  readonly version: string
}

export interface RegRead {
  readonly key: string
  readonly value: Value
  readonly version: string
}

export interface RegNumber {
  readonly key: string
  readonly value: number
  readonly version: string
}

export interface RegPage {
  readonly entries: readonly RegRead[]
  /** Give it as `after` for the next page; null at the end. */
  readonly next: string | null
}

/** What a watched register is. `absent`: there is no value, any more or yet. */
export type RegEvent =
  | {
      readonly kind: 'value'
      readonly key: string
      readonly value: Value
      readonly version: string
    }
  | { readonly kind: 'absent'; readonly key: string; readonly version: string }

export interface RegApi {
  /** Linearizable; null when there is no value. */
  get(key: string, options?: RegCallOptions): Promise<RegRead | null>
  set(key: string, value: Value, options?: RegSetOptions): Promise<RegWritten>
  /** `set` with a condition: CONFLICT names the current version. */
  cas(key: string, value: Value, options: RegSetOptions): Promise<RegWritten>
  /** No error when there is nothing; `version` is '' then. */
  del(key: string, options?: RegDelOptions): Promise<RegWritten>
  /** Adds a whole number to one; absent counts as 0. */
  incr(key: string, by?: number, options?: RegChangeOptions): Promise<RegNumber>
  /**
   * Sets what `change` makes of the current value, and again when somebody was faster. `change` may
   * run more than once; undefined leaves the register as it is.
   */
  update(
    key: string,
    change: (value: Value | null) => Value | undefined | Promise<Value | undefined>,
    options?: RegCallOptions,
  ): Promise<RegRead | null>
  /** Keys in order. Each entry is one that was current during the call; together no snapshot. */
  ls(
    prefix: string,
    options?: RegCallOptions & { readonly after?: string; readonly limit?: number },
  ): Promise<RegPage>
  /**
   * The register as it is, as `get` would find it, then what it becomes: each event newer than the
   * one before, the last always, those between perhaps not. `after` goes on from the version of an
   * event, also on another node: then the first event is the first that is newer.
   */
  watch(
    key: string,
    options?: { readonly after?: string; readonly signal?: AbortSignal },
  ): AsyncIterable<RegEvent>
}

export type { JsonValue, Value }
