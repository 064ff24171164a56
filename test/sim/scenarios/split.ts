/**
 * S4: halves, bridges, rings and one-way cuts, one after the other, with clients on every side.
 * Each side takes what it can; afterwards everything that any disk acknowledged is there.
 */
import { AtollWorld } from '../atoll-world.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'
import { shuffled } from '../../../src/seams/random.ts'

const SPLIT_MS_MIN = 5000
const SPLIT_MS_MAX = 25_000
const PEACE_MS_MAX = 8000

export const split: Scenario = {
  name: 'split',
  about: 'halves, bridges, rings and one-way cuts with clients on every side; all writes survive',
  run: runSplit,
}

async function runSplit(context: ScenarioContext): Promise<ScenarioReport> {
  const size = 3 + (Number(context.seed) % 4)
  const atoll = new AtollWorld(context, size, { partitions: 16 })
  const { world, cluster, random } = atoll
  const shapes = ['halves', 'alone', 'bridge', 'ring', 'one-way'] as const
  await world.run(async () => {
    await cluster.form(size)
    atoll.startClients(5, 100)
    for (const shape of shuffled(random, shapes)) {
      cutAs(shape)
      world.log.add('world', 'info', `split.${shape}`)
      await world.sleep(random.between(SPLIT_MS_MIN, SPLIT_MS_MAX))
      world.heal()
      world.log.add('world', 'info', 'split.healed')
      await world.sleep(random.between(0, PEACE_MS_MAX))
    }
    await atoll.enough()
    // One process less and one address other, so that the end is not the beginning.
    const victim = random.int(size)
    world.crash(victim)
    await world.sleep(random.exponential(10_000))
    world.readdress(victim)
    await world.start(victim)
    await atoll.finish()
  })
  return atoll.report(shapes.length + 1)

  function cutAs(shape: (typeof shapes)[number]): void {
    const order = shuffled(
      random,
      world.hosts.map(({ index }) => index),
    )
    const [first = 0] = order
    const half = size >> 1
    switch (shape) {
      case 'halves':
        return world.partition(order.slice(0, half), order.slice(half))
      case 'alone':
        return world.partition([first], order.slice(1))
      case 'bridge':
        return world.partition(
          [...order.slice(1, 1 + half), first],
          [...order.slice(1 + half), first],
        )
      case 'ring':
        return world.partition(...order.map((a, i) => [a, order[(i + 1) % size] ?? a]))
      case 'one-way':
        for (const other of order.slice(1)) world.cutOneWay(first, other)
    }
  }
}
