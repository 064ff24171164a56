/**
 * Slots in a hostile world: proposers that know nothing of each other, messages that are slow, lost
 * and repeated, processes that die between promise, vote and answer, disks that are wiped, and roots
 * that change with every topology. Whatever happens, a number stands for one topology (I10); when
 * the faults end, all know the same and go on.
 */
import assert from 'node:assert/strict'
import type { Topology } from '../../src/topology/topology.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { Council } from './council.ts'
import { membersOf } from './members.ts'

const TURNS = 250
const HEALED_TURNS = 400

/** How many topologies were decided; rejects when two have one number. */
export async function duel(seed: number): Promise<number> {
  const random = new SimRandom(`duel ${seed}`)
  const size = 3 + random.int(3)
  const council = new Council(membersOf(size))
  const { hub } = council
  await council.found(random.chance(0.5) ? size - ((size + 1) % 2) : 3)
  const rates = { loss: random.float() * 0.3, crash: random.float() * 0.04 }
  const slowMs = random.pick([2, 10, 100])
  hub.delayMs = () => random.exponential(slowMs)
  hub.drops = () => random.chance(rates.loss)
  hub.repeats = () => random.chance(0.1)
  const duelists = Array.from({ length: size }, (_, index) => new Duelist(council, index, random))
  for (let turn = 0; turn < TURNS; turn++) {
    await council.clock.advance(random.exponential(slowMs))
    const index = random.int(size)
    if (random.chance(rates.crash)) council.restart(index)
    else if (random.chance(0.3)) gossip(council, index, random.int(size))
    else duelists[index]?.act()
    council.check()
  }
  hub.delayMs = () => 1
  hub.drops = () => false
  hub.repeats = () => false
  const before = council.decided
  for (let turn = 0; turn < HEALED_TURNS && council.decided < before + 2; turn++) {
    await council.clock.advance(20)
    for (let a = 0; a < size; a++) gossip(council, a, turn % size)
    duelists[turn % size]?.act()
    council.check()
  }
  assert.ok(council.decided >= before + 2, 'nothing is decided although all is well')
  return council.decided
}

/** Tries to have something decided, one thing at a time. */
class Duelist {
  readonly #council: Council
  readonly #index: number
  readonly #random: SimRandom
  /** The process whose attempt is under way. */
  #busy: unknown = null
  #plans = 0

  constructor(council: Council, index: number, random: SimRandom) {
    this.#council = council
    this.#index = index
    this.#random = random
  }

  act(): void {
    const root = this.#council.root(this.#index)
    if (this.#busy === root) return
    this.#busy = root
    this.#attempt(root.topology.current())
      .catch(() => undefined)
      .finally(() => {
        if (this.#busy === root) this.#busy = null
      })
  }

  async #attempt(current: Topology | null): Promise<void> {
    const { proposer, topology, self } = this.#council.root(this.#index)
    if (current === null || !current.roots.includes(self.storageId)) return
    const attempt = await proposer.attempt(current, this.#plan())
    if (attempt.kind === 'chosen') await topology.learn(attempt.topology)
  }

  #plan(): Topology {
    const random = this.#random
    const plan = this.#council.plan(this.#index, `${this.#index}/${this.#plans++}`)
    if (random.chance(0.6)) return plan
    const disks = plan.members.map(({ storageId }) => storageId)
    const count = random.chance(0.2) ? 1 : disks.length >= 5 && random.chance(0.5) ? 5 : 3
    const roots = disks
      .map((id) => [random.float(), id] as const)
      .toSorted(([a], [b]) => a - b)
      .slice(0, count)
      .map(([, id]) => id)
    return { ...plan, roots }
  }
}

/** One shows the other its number. */
function gossip(council: Council, from: number, to: number): void {
  const { topology, self } = council.root(from)
  if (from !== to) council.root(to).topology.onDigest(self.peer, topology.digest)
}
