/**
 * Who was here before comes back. A member leaves in order, with all that it had let go of, and joins
 * again with its old directory, or a partition is moved away from its disk and back; and in the very turn in which it hears that data
 * move to it, it is cut off. So it takes writes alone, of keys that it has written before and of which
 * it holds nothing any more: what it writes now has not seen what it wrote then.
 */
import type { AtollNode } from '../../../src/node/api.ts'
import { isAtollError } from '../../../src/base/errors.ts'
import { kadIdOfKey } from '../../../src/kad/node-id.ts'
import { partitionOf } from '../../../src/kad/partition.ts'
import { AtollWorld } from '../atoll-world.ts'
import { SimulationError } from '../kernel.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'
import { ProcessDied } from '../world.ts'

/** One more than replicas: each partition has a member that does not hold it. */
const SIZE = 4
const PARTITIONS = 16
/** Of each partition some. */
const KEYS = 160
/** Of those, written alone. */
const ALONE_MAX = 8
const DEADLINE_MS = 4000
/** Until the others are dead to the one that is cut off, or what moves has moved. */
const PATIENCE_MS = 120_000

export const returns: Scenario = {
  name: 'returns',
  about:
    'a member joins again, or a partition comes back, and it is cut off before it has the data',
  run: runReturns,
}

async function runReturns(context: ScenarioContext): Promise<ScenarioReport> {
  const play = new Play(context)
  const { world, cluster, random } = play.atoll
  const way = Number(context.seed) % 2 === 0 ? 'moved' : 'joined'
  await world.run(async () => {
    await cluster.form(SIZE)
    play.atoll.startClients(3, 200)
    await world.sleep(random.between(3000, 8000))
    await play.writeFirst()
    const cutOff = way === 'moved' ? await play.moveThereAndBack() : await play.leaveAndJoin()
    await play.writeAlone(cutOff)
    world.heal()
    await cluster.settled()
    await play.verify()
    await play.atoll.enough()
    await play.atoll.finish()
  })
  return play.atoll.report(2, `${way}, ${play.alone} keys written alone`)
}

class Play {
  readonly atoll: AtollWorld
  readonly #keys = Array.from({ length: KEYS }, (_, i) => `back/${i}`)
  /** Who goes and comes back; not the founder, whose address the ticket names. */
  readonly #index: number
  /** Keys that it has written alone. */
  alone = 0

  constructor(context: ScenarioContext) {
    this.atoll = new AtollWorld(context, SIZE, { partitions: PARTITIONS })
    this.#index = 1 + this.atoll.random.int(SIZE - 1)
  }

  /** It coordinates those of which it is a replica. */
  async writeFirst(): Promise<void> {
    for (const key of this.#keys) {
      await this.#on(this.#index, (node) => node.kv.put(key, 'first', { write: 'all' }))
    }
  }

  /** Gives the partitions that were on their way to it when it was cut off. */
  async leaveAndJoin(): Promise<ReadonlySet<number>> {
    const { cluster, random, world } = this.atoll
    cluster.forget(this.#index)
    const held = await this.#partitionsHeld()
    await this.#on(this.#index, (node) => node.leave())
    const kept = held.filter((partition) => !this.atoll.hasDropped(this.#index, partition))
    if (kept.length > 0) throw new SimulationError(`it went and had not let go of ${kept.join()}`)
    await world.sleep(random.exponential(2000))
    const cutOff = this.#cutOff()
    await cluster.join(this.#index)
    return cutOff
  }

  /** Each of them has some of the keys. */
  async #partitionsHeld(): Promise<number[]> {
    const { members, partitions } = await this.#on(this.#index, (node) => node.topology.show())
    const { name } = this.atoll.world.host(this.#index)
    const id = members.find((member) => member.name === name)?.storageId ?? ''
    return partitions.flatMap(({ replicas }, i) => (replicas.includes(id) ? i : []))
  }

  async moveThereAndBack(): Promise<ReadonlySet<number>> {
    const { world, cluster, random } = this.atoll
    const { partition, outside } = await this.#someHeld()
    await this.#move(partition, this.#index, outside)
    await world.until('the disk has let go of the partition', PATIENCE_MS, async () => {
      const { partitions } = await this.#on(outside, (node) => node.topology.show())
      const state = partitions[partition]
      return state?.previous === null && state.former.length === 0
    })
    // It remembers no version either that it has given out.
    world.crash(this.#index)
    await world.sleep(random.exponential(2000))
    await world.start(this.#index)
    await cluster.settled()
    const cutOff = this.#cutOff()
    await this.#move(partition, outside, this.#index)
    return cutOff
  }

  /** What is on its way to a disk, that disk coordinates when it knows of nobody else. */
  async writeAlone(partitions: ReadonlySet<number>): Promise<void> {
    const keys = this.#keys.filter((key) =>
      partitions.has(partitionOf(kadIdOfKey(key), PARTITIONS)),
    )
    for (const key of keys.slice(0, ALONE_MAX)) {
      await this.#insist(`${key} is written alone`, async () => {
        const { partial } = await this.#on(this.#index, (node) =>
          node.kv.put(key, 'second', { deadlineMs: DEADLINE_MS }),
        )
        if (!partial) throw new SimulationError(`${key}: a disk alone passes for a majority`)
      })
      this.alone++
    }
    if (this.alone === 0) throw new SimulationError('no key is of what was on its way')
  }

  /** Nobody replaced what was written first. */
  async verify(): Promise<void> {
    for (const key of this.#keys) {
      await this.#insist(`${key} is read`, async () => {
        const { siblings } = await this.#on(0, (node) => node.kv.siblings(key, { read: 'all' }))
        if (siblings.some(({ value }) => value === 'first')) return
        throw new SimulationError(`${key} is ${JSON.stringify(siblings)}: the first value is lost`)
      })
    }
  }

  /** One that it holds and the member with the fewest partitions does not: that one has room. */
  async #someHeld(): Promise<{ readonly partition: number; readonly outside: number }> {
    const { world, random } = this.atoll
    const { members, partitions } = await this.#on(this.#index, (node) => node.topology.show())
    const held = (id: string): number[] => {
      return partitions.flatMap(({ replicas }, partition) =>
        replicas.includes(id) ? partition : [],
      )
    }
    const ours = world.host(this.#index).name
    const others = members.filter(({ name }) => name !== ours)
    const fewest = others.reduce((least, each) => {
      return held(each.storageId).length < held(least.storageId).length ? each : least
    })
    const taken = new Set(held(fewest.storageId))
    const own = held(members.find(({ name }) => name === ours)?.storageId ?? '')
    const outside = world.hosts.find(({ name }) => name === fewest.name)?.index ?? 0
    return { partition: random.pick(own.filter((partition) => !taken.has(partition))), outside }
  }

  async #move(partition: number, from: number, to: number): Promise<void> {
    const { world } = this.atoll
    const options = { from: world.host(from).name, to: world.host(to).name }
    await this.#insist(`partition ${partition} moves`, async () => {
      await this.#on(to, (node) => node.topology.move(partition, options))
    })
  }

  /** As soon as it knows that data are to move to it: before the first of them comes. */
  async #cutOff(): Promise<ReadonlySet<number>> {
    const { world } = this.atoll
    const others = world.hosts.map(({ index }) => index).filter((index) => index !== this.#index)
    for (;;) {
      const who = await this.atoll.nextLine('topology.learned', PATIENCE_MS)
      if (who === null) throw new SimulationError('no data are to move back')
      if (who !== this.#index) continue
      const coming = await this.#on(this.#index, comingTo).catch(ifUnclaimed)
      if (coming.size === 0) continue
      world.partition([this.#index], others)
      return coming
    }
  }

  async #insist(what: string, attempt: () => Promise<void>): Promise<void> {
    await this.atoll.world.until(what, PATIENCE_MS, async () => {
      try {
        await attempt()
        return true
      } catch (error) {
        if (!isAtollError(error) || error.code === 'INTERNAL') throw error
        return false
      }
    })
  }

  #on<T>(index: number, run: (node: AtollNode) => Promise<T>): Promise<T> {
    return this.atoll.world.call(index, async (node) => {
      if (node === null) throw new ProcessDied(`n${index} has not started yet`)
      return run(node)
    })
  }
}

/** It joins just now: nothing moves to it yet. */
function ifUnclaimed(error: unknown): ReadonlySet<number> {
  if (isAtollError(error, 'UNCLAIMED')) return new Set()
  throw error
}

/** Partitions that move to this node. */
async function comingTo(node: AtollNode): Promise<ReadonlySet<number>> {
  const [{ storageId }, { partitions }] = await Promise.all([node.status(), node.topology.show()])
  const coming = partitions.flatMap(({ replicas, previous }, partition) => {
    const isComing = previous?.includes(storageId) === false && replicas.includes(storageId)
    return isComing ? [partition] : []
  })
  return new Set(coming)
}
