/**
 * The roots decide while everything happens to them: the founder dies for good once the third has
 * joined, members join, leave, lose their disks and are removed, and in the middle of each decision
 * a root dies, stops, is cut off, or all lose their power. A number must stand for one topology at
 * every node; when the faults end, the cluster is whole and goes on.
 */
import type { AtollNode } from '../../../src/node/api.ts'
import { AtollError, isAtollError } from '../../../src/base/errors.ts'
import { AtollWorld } from '../atoll-world.ts'
import { SimulationError } from '../kernel.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'
import { shuffled } from '../../../src/seams/random.ts'
import { ProcessDied } from '../world.ts'

const FOUNDERS = 3
const ROUNDS = 7
/** A change that meets a fault is asked for again; a member with a minority cannot even leave. */
const CHANGE_MS = 240_000
const RETRY_MS = 1000
/** The first, and that which took the other founders in. */
const FORMED = 2
/** Two rounds and as many disks. */
const DECISION_MS = 5

const CHANGES = ['join', 'join', 'leave', 'wipe', 'move'] as const
const FAULTS = ['crash', 'pause', 'alone', 'halves', 'one-way', 'blackout', 'none'] as const

export const roots: Scenario = {
  name: 'roots',
  about: 'roots die, stop, are cut off and wiped in the midst of decisions; one topology a number',
  run: runRoots,
}

async function runRoots(context: ScenarioContext): Promise<ScenarioReport> {
  const play = new Play(context)
  const { world, cluster, workload, topologies } = play.atoll
  await world.run(async () => {
    await cluster.form(FOUNDERS)
    workload.start(3, 150)
    await world.sleep(play.random.between(0, 5000))
    await play.loseFounder()
    for (let round = 0; round < ROUNDS; round++) {
      const change = play.change()
      await play.fault()
      await change
    }
    await play.atoll.enough()
    await play.atoll.finish({ disksLost: true })
    const least = FORMED + play.decisions
    if (topologies.decided < least) {
      throw new SimulationError(`${topologies.decided} topologies are known, not ${least}`)
    }
  })
  return play.atoll.report(play.faults, `changes ${play.decisions}`)
}

class Play {
  readonly atoll: AtollWorld
  faults = 1
  /** Topologies that answers have named: of removals and moves. */
  readonly #named = new Set<number>()
  /** Members that were let go; each asked for it when what came before was done. */
  #left = 0

  constructor(context: ScenarioContext) {
    const size = 5 + (Number(context.seed) % 3)
    this.atoll = new AtollWorld(context, size, { partitions: 8 })
  }

  get random() {
    return this.atoll.random
  }

  /** So many topologies, at least, the changes have taken that were acknowledged. */
  get decisions(): number {
    return this.#named.size + this.#left
  }

  /** Its disk is gone, and the others, who are roots with it, decide without it. */
  async loseFounder(): Promise<void> {
    await this.#wipe(0)
  }

  /** One change of the membership, tried until it is done. */
  async change(): Promise<void> {
    const { cluster, world } = this.atoll
    const kind = this.random.pick(CHANGES)
    const members = [...cluster.members]
    const spare = world.hosts.find(({ index }) => !cluster.members.has(index))?.index
    world.log.add('world', 'info', `change.${kind}`)
    if (kind === 'move') return this.#move()
    if (kind === 'join' && spare !== undefined) return cluster.join(spare)
    if (members.length <= FOUNDERS) return spare === undefined ? undefined : cluster.join(spare)
    const index = this.random.pick(members)
    return kind === 'wipe' ? this.#wipe(index) : this.#leave(index)
  }

  /** Begins, more often than not in the midst of a decision, lasts, and ends. */
  async fault(): Promise<void> {
    const { world } = this.atoll
    const kind = this.random.pick(FAULTS)
    const proposer = await this.atoll.nextLine('topology.attempt', this.random.exponential(4000))
    await world.sleep(this.random.between(0, DECISION_MS))
    const up = world.hosts.filter(({ running }) => running).map(({ index }) => index)
    const others = shuffled(
      this.random,
      up.filter((index) => index !== proposer),
    )
    const strikes = proposer !== null && up.includes(proposer) && this.random.chance(0.7)
    const order = strikes ? [proposer, ...others] : others
    const [first = 0] = order
    const lastsMs = this.random.exponential(4000)
    world.log.add('world', 'info', `fault.${kind}`, { first })
    if (kind !== 'none') this.faults++
    switch (kind) {
      case 'none':
        return
      case 'crash':
        return this.#crash(first, lastsMs)
      case 'blackout':
        for (const index of order) world.powerLoss(index)
        await world.sleep(lastsMs)
        await Promise.all(order.map((index) => this.#restart(index)))
        return
      case 'pause':
        world.pause(first)
        await world.sleep(lastsMs)
        world.resume(first)
        return
      case 'alone':
        world.partition([first], order.slice(1))
        break
      case 'halves':
        world.partition(order.slice(0, order.length >> 1), order.slice(order.length >> 1))
        break
      case 'one-way':
        for (const other of order.slice(1)) world.cutOneWay(first, other)
    }
    await world.sleep(lastsMs)
    world.heal()
  }

  async #crash(index: number, downMs: number): Promise<void> {
    this.atoll.world.crash(index)
    await this.atoll.world.sleep(downMs)
    await this.#restart(index)
  }

  /** Unless somebody else did. */
  async #restart(index: number): Promise<void> {
    if (!this.atoll.world.host(index).alive) await this.atoll.world.start(index)
  }

  /** A machine comes back with an empty disk, and the old one is removed. */
  async #wipe(index: number): Promise<void> {
    const { world, cluster } = this.atoll
    await this.#spared(index)
    const old = await this.#persist('it says who it is', () =>
      world.call(index, async (node) => node?.status()),
    )
    world.crash(index)
    world.wipe(index)
    cluster.expel(index)
    const storageId = old?.storageId ?? ''
    await world.sleep(this.random.exponential(3000))
    await this.#persist('the lost disk is removed', () =>
      this.#onAny(async (node) => {
        try {
          this.#named.add((await node.member.remove(storageId)).topology)
        } catch (error) {
          // It had joined only just, and no topology names it.
          if (!isAtollError(error, 'NOT_FOUND')) throw error
        }
      }),
    )
    await this.#restart(index)
    await cluster.join(index)
  }

  /** No more disks are lost at one time than the data has copies to spare. */
  async #spared(index: number): Promise<void> {
    const { name } = this.atoll.world.host(index)
    await this.#persist('a disk can be spared', () =>
      this.#onAny(async (node) => {
        const { toleratesFailures } = await node.status()
        const { moving, losses } = await node.topology.plan()
        const loss = losses.find((each) => each.kind === 'member' && each.name === name)
        const spares = toleratesFailures > 0 && loss?.decisions !== true
        if (moving.length > 0 || !spares) throw new AtollError('CONFLICT', 'not yet')
      }),
    )
  }

  async #leave(index: number): Promise<void> {
    const { world, cluster } = this.atoll
    const { name } = world.host(index)
    const { members } = await this.#persist('the members are known', () =>
      this.#onAny((node) => node.topology.show()),
    )
    cluster.forget(index)
    await this.#persist(`n${index} leaves`, () =>
      world.call(index, async (node) => {
        if (node === null) throw new ProcessDied(`n${index} has not started yet`)
        try {
          await node.leave()
        } catch (error) {
          if (!isAtollError(error, 'UNCLAIMED')) throw error
        }
      }),
    )
    // Who joined only just is named by no topology perhaps.
    if (members.some((member) => member.name === name)) this.#left++
  }

  /** A replica of some partition, to whoever takes it; most are refused, and rightly. */
  async #move(): Promise<void> {
    const to = this.random.pick([...this.atoll.cluster.members])
    const name = this.atoll.world.host(to).name
    try {
      const partition = this.random.int(8)
      const moved = await this.#onAny((node) => node.topology.move(partition, { to: name }))
      this.#named.add(moved.topology)
    } catch (error) {
      const excused = error instanceof ProcessDied || isAtollError(error)
      if (!excused || isAtollError(error, 'INTERNAL')) throw error
    }
  }

  #onAny<T>(run: (node: AtollNode) => Promise<T>): Promise<T> {
    const { world, cluster } = this.atoll
    const index = this.random.pick([...cluster.members])
    return world.call(index, async (node) => {
      if (node === null) throw new ProcessDied(`n${index} has not started yet`)
      return run(node)
    })
  }

  /** Faults may prevent it for a while. */
  async #persist<T>(what: string, run: () => Promise<T>): Promise<T> {
    const { world } = this.atoll
    const endUs = world.kernel.nowUs + CHANGE_MS * 1000
    for (;;) {
      try {
        return await run()
      } catch (error) {
        const excused = error instanceof ProcessDied || isAtollError(error)
        if (!excused || isAtollError(error, 'INTERNAL') || world.kernel.nowUs > endUs) {
          throw new SimulationError(`not within ${CHANGE_MS} ms: ${what}`, { cause: error })
        }
        await world.sleep(RETRY_MS)
      }
    }
  }
}
