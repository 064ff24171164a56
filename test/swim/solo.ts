/** One core on a bench: messages are put into its hands, and what it answers is looked at. */
import type { PeerEvidence, RemotePeer } from '../../src/mesh/mesh.ts'
import type { Claim } from '../../src/swim/claim.ts'
import type { Effect } from '../../src/swim/effects.ts'
import type { MemberEvent, MemberFacts, MemberState } from '../../src/swim/member.ts'
import type { SwimMessage } from '../../src/swim/messages.ts'
import type { SwimProfile } from '../../src/swim/parameters.ts'
import { LAN } from '../../src/swim/parameters.ts'
import { Swim } from '../../src/swim/swim.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { factsOf } from './cluster.ts'

export const SELF = 'self'

export type Sent = Extract<Effect, { kind: 'send' }>

export function remote(peer: string, boot = 1, storageId = factsOf(0).storageId): RemotePeer {
  return { peer, storageId, boot, role: 'member', run: 1, wireVersion: 1 }
}

export function claim(
  id: string,
  state: MemberState,
  incarnation: number,
  by: readonly string[] = [],
  strong = false,
): Claim {
  const { storageId } = factsOf(0)
  const accusations = by.map((each) => ({ by: each, strong }))
  return { id, state, incarnation, version: Math.min(incarnation, 1), storageId, accusations }
}

export class Solo {
  readonly core: Swim
  now = 0
  /** Everything it did, in order. */
  effects: Effect[] = []

  constructor(
    peers: readonly string[] = [],
    profile: SwimProfile = LAN,
    core: typeof Swim = Swim,
    seed = 'solo',
  ) {
    this.core = new core({
      self: SELF,
      facts: factsOf(0),
      profile,
      random: new SimRandom(seed),
      now: 0,
    })
    this.do(() => this.core.start([], this.now))
    for (const peer of peers) this.introduce(peer)
    this.effects = []
  }

  introduce(peer: string, incarnation = 1, facts: MemberFacts = factsOf(1)): void {
    const alive = { ...claim(peer, 'alive', incarnation), version: incarnation }
    const message = { kind: 'facts', records: [{ claim: alive, facts }] } as const
    this.message(remote(peer, facts.boot, facts.storageId), message)
    this.do(() => this.core.onExchangeFailure(peer, this.now))
  }

  do(run: () => Effect[]): Effect[] {
    const effects = run()
    this.effects.push(...effects)
    return effects
  }

  message(from: string | RemotePeer, message: SwimMessage): Effect[] {
    const sender = typeof from === 'string' ? remote(from) : from
    return this.do(() => this.core.onMessage(sender, message, this.now))
  }

  gossip(from: string, ...rumours: Claim[]): Effect[] {
    return this.message(from, { kind: 'gossip', rumours })
  }

  evidence(evidence: PeerEvidence): Effect[] {
    return this.do(() => this.core.onEvidence(evidence, this.now))
  }

  /** Punctual timers until then. `answer` may react to each message as others would. */
  run(ms: number, answer: (sent: Sent) => void = () => {}): void {
    const end = this.now + ms
    while (this.core.deadline <= end) {
      this.now = Math.max(this.now, this.core.deadline)
      const effects = this.do(() => this.core.onDeadline(this.now))
      for (const sent of sentIn(effects)) answer(sent)
    }
    this.now = end
  }

  /** The process stands still for so long; then its timers fire. */
  stall(ms: number): void {
    this.now += ms
    this.do(() => this.core.onDeadline(this.now))
  }

  state(id: string): MemberState | undefined {
    return this.core.get(id)?.state
  }

  incarnation(id: string): number | undefined {
    return this.core.get(id)?.incarnation
  }

  sent(kind?: SwimMessage['kind']): Sent[] {
    return sentIn(this.effects).filter(({ message }) => kind === undefined || message.kind === kind)
  }

  events(): MemberEvent[] {
    return this.effects.flatMap((effect) => (effect.kind === 'event' ? [effect.event] : []))
  }

  /** Answers every ping at once, as a member in good health does. */
  answering(...silent: string[]): (sent: Sent) => void {
    return ({ to, message }) => {
      if (message.kind === 'ping' && !silent.includes(to)) {
        this.message(to, { kind: 'ack', seq: message.seq, rumours: [] })
      }
    }
  }
}

export function sentIn(effects: readonly Effect[]): Sent[] {
  return effects.filter((effect) => effect.kind === 'send')
}
