/**
 * Compares partitions with one peer: roots of all of them in one message, and then reconciles
 * those that differ, a few at a time.
 *
 * What nothing calls for is compared as well, in rounds. Where both sides take writes, their roots
 * differ for moments: of such partitions a few are reconciled, and the others only if those turn
 * out to lack something.
 */
import { isAtollError } from '../../base/errors.ts'
import type { PeerId, StorageId } from '../../base/ids.ts'
import { inParallel } from '../../base/in-parallel.ts'
import type { Log } from '../../seams/log.ts'
import { type Random, shuffled } from '../../seams/random.ts'
import type { Topology } from '../../topology/topology.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import { placeIn } from '../place.ts'
import { decodeDigests, type Digests, encodeDigestQuestion } from './compare-messages.ts'
import { Courier, type CourierOptions } from './courier.ts'
import { digestOf } from './hash-trees.ts'
import type { Looks } from './looks.ts'
import { type Direction, type ReconcileOptions, Reconciliation } from './reconcile.ts'
import { encodeRecords } from './sync-messages.ts'
import type { Turns } from './turns.ts'
import type { Cause } from './wishes.ts'

export interface ComparisonOptions extends ReconcileOptions, CourierOptions {
  readonly self: StorageId
  readonly turns: Turns
  readonly looks: Looks
  readonly random: Random
  readonly log: Log
}

/** What is left when a comparison has ended, or broken off. */
export interface Rest {
  /** To be compared again, soon. */
  readonly again: number[]
  /** Equal but for records that cannot be joined. */
  readonly refused: number[]
  readonly equal: number[]
  /** Why it broke off. */
  readonly failure: Error | null
}

/** A partition whose root was another one there. */
interface Differing {
  readonly partition: number
  readonly theirs: number
}

/** Partitions that are reconciled with one peer at the same time. */
const AT_ONCE = 8
/** Of those that differ although nothing called for a look, so many are reconciled at first. */
const TRIED = 4
const TIMEOUT_MS = 30_000

export class Comparison {
  readonly #options: ComparisonOptions

  constructor(options: ComparisonOptions) {
    this.#options = options
  }

  /** Never rejects: what broke off is to be compared again. */
  async run(
    topology: Topology,
    id: StorageId,
    peer: PeerId,
    wanted: ReadonlyMap<number, Cause>,
  ): Promise<Rest> {
    const { looks } = this.#options
    const rest: Rest = { again: [], refused: [], equal: [], failure: null }
    const left = new Map(
      [...wanted].filter(([partition]) => this.#isShared(topology, partition, id)),
    )
    try {
      // In no order: not all who compare with one peer begin with the same.
      const differing = shuffled(
        this.#options.random,
        await this.#differing(topology, peer, left, rest),
      )
      const work = { topology, id, courier: new Courier(this.#options, peer), left, rest }
      const called = differing.filter(({ partition }) => left.get(partition) === 'called')
      await this.#reconcileAll(work, called)
      const uncalled = differing.filter(({ partition }) => left.get(partition) === 'round')
      const others = looks.longestAgoFirst(id, uncalled)
      const moved = await this.#reconcileAll(work, others.slice(0, TRIED))
      if (moved > 0) await this.#reconcileAll(work, others.slice(TRIED))
      for (const { partition } of others.slice(TRIED)) left.delete(partition)
      return rest
    } catch (error) {
      for (const [partition, cause] of left) if (cause === 'called') rest.again.push(partition)
      return { ...rest, failure: error instanceof Error ? error : new Error(String(error)) }
    }
  }

  /** One alone; for offers. False when all is equal but for what cannot be joined. */
  async offer(topology: Topology, peer: PeerId, partition: number): Promise<boolean> {
    const courier = new Courier(this.#options, peer)
    return (await this.#reconcile(topology, courier, partition, 'push')).isWhole
  }

  /** Tells a peer which was offered all of one that others may lack some of it. */
  async handOver(topology: Topology, peer: PeerId, partition: number): Promise<void> {
    const { replica } = this.#options
    const place = { topology: topology.number, partition }
    await new Courier(this.#options, peer).ask(REQUEST_KINDS.KV_SYNC_PUSH, () =>
      encodeRecords({ ...place, era: replica.era(partition), records: [] }),
    )
  }

  /** Compares roots; what is equal is done. */
  async #differing(
    topology: Topology,
    peer: PeerId,
    left: Map<number, Cause>,
    rest: Rest,
  ): Promise<Differing[]> {
    const { trees, replica, mesh, counts, signal } = this.#options
    const partitions = [...left.keys()]
    if (partitions.length === 0) return []
    for (const partition of partitions) await trees.count(partition)
    // A peer that misses a write is told of before the write is durable here.
    await replica.settled()
    const roots = partitions.map((partition) => trees.root(partition))
    const digest = digestOf(partitions, roots)
    const body = encodeDigestQuestion({ topology: topology.number, partitions, digest })
    const options = { timeoutMs: TIMEOUT_MS, trafficClass: 'bulk', signal } as const
    const answer = await mesh.request(peer, REQUEST_KINDS.KV_SYNC_DIGEST, body, options)
    counts.syncBytes += body.length + answer.length
    const digests: Digests = decodeDigests(answer)
    const differing: Differing[] = []
    for (const [i, partition] of partitions.entries()) {
      const theirs = digests === 'same' ? roots[i] : digests[i]
      if (theirs === null || theirs === undefined) {
        // It is still being counted there.
        if (left.get(partition) === 'called') rest.again.push(partition)
        left.delete(partition)
      } else if (theirs === roots[i]) {
        counts.comparedEqual++
        rest.equal.push(partition)
        left.delete(partition)
      } else {
        counts.comparedDifferent++
        differing.push({ partition, theirs })
      }
    }
    return differing
  }

  /** Gives how many records moved. Rejects when one broke off; what is done is not in `left`. */
  async #reconcileAll(
    work: {
      readonly topology: Topology
      readonly id: StorageId
      readonly courier: Courier
      readonly left: Map<number, Cause>
      readonly rest: Rest
    },
    differing: readonly Differing[],
  ): Promise<number> {
    const { topology, id, courier, left, rest } = work
    const { trees, turns, looks, self } = this.#options
    let moved = 0
    await inParallel(differing, AT_ONCE, async ({ partition, theirs }) => {
      if (trees.root(partition) === theirs) {
        // It came from others meanwhile.
        rest.equal.push(partition)
        left.delete(partition)
        return
      }
      const insist = left.get(partition) === 'called' ? rest.again : []
      if (!turns.take(partition, id)) {
        insist.push(partition)
        left.delete(partition)
        return
      }
      let isBusy = false
      try {
        const done = await this.#reconcile(topology, courier, partition, 'both')
        moved += done.moved
        isBusy = done.isBusy
        if (isBusy) insist.push(partition)
        else if (done.isWhole) rest.equal.push(partition)
        else rest.refused.push(partition)
        left.delete(partition)
      } finally {
        // Also when it failed: others come first then.
        if (!isBusy) looks.looked(id, partition)
        turns.end(partition, self)
      }
    })
    return moved
  }

  async #reconcile(topology: Topology, courier: Courier, partition: number, direction: Direction) {
    const { peer } = courier
    const { log, counts } = this.#options
    const work = new Reconciliation(this.#options, courier, topology.number, partition, direction)
    try {
      if ((await work.run()) === 'busy') return { isWhole: false, isBusy: true, moved: 0 }
    } catch (error) {
      if (!isAtollError(error, 'CONFLICT')) throw error
      counts.reconciledInPart++
      const { message, hint = '' } = error
      log.write('warn', 'store.record-refused', { partition, peer, message, hint })
      return { isWhole: false, isBusy: false, moved: work.moved }
    }
    counts.reconciled++
    log.write('debug', 'store.reconciled', { partition, peer, bytes: work.bytes })
    return { isWhole: true, isBusy: false, moved: work.moved }
  }

  #isShared(topology: Topology, partition: number, id: StorageId): boolean {
    const { targets } = placeIn(topology, '', partition)
    return targets.includes(id) && targets.includes(this.#options.self)
  }
}
