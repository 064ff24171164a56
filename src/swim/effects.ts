/** What the core asks its shell to do, in this order, after each input. */
import type { PeerId } from '../base/ids.ts'
import type { LogFields, LogLevel } from '../seams/log.ts'
import type { MemberEvent } from './member.ts'
import type { PushPull, SwimMessage } from './messages.ts'

export type Effect =
  | {
      readonly kind: 'send'
      readonly to: PeerId
      readonly message: SwimMessage
      readonly priority: 'probe' | 'rumour'
    }
  /** Dial ahead of need; nothing happens when a link is open. */
  | { readonly kind: 'connect'; readonly peer: PeerId }
  /** Drop what is open and dial anew: the open connection seems wedged. */
  | { readonly kind: 'reconnect'; readonly peer: PeerId }
  /** Ask for a state exchange; its end is always reported back, good or bad. */
  | { readonly kind: 'exchange'; readonly peer: PeerId; readonly body: PushPull }
  | { readonly kind: 'event'; readonly event: MemberEvent }
  /** Where a peer can be dialled: for the mesh, and for the snapshot. */
  | {
      readonly kind: 'learn'
      readonly peer: PeerId
      readonly addresses: readonly string[]
      /** To be kept for the next start. */
      readonly isLasting: boolean
    }
  /** Nothing needs to be remembered of this peer any more. */
  | { readonly kind: 'forget'; readonly peer: PeerId }
  /** Everybody heard our goodbye, or had the time to. */
  | { readonly kind: 'goodbye-done' }
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly event: string
      readonly fields: LogFields
    }
