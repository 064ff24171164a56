/**
 * S11 and S12: an fsync fails, and that node ends for good while the others go on; a disk runs
 * full, and writes are refused there until there is room again. Nothing acknowledged is lost.
 */
import { AtollWorld } from '../atoll-world.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'

const FULL_MS = 15_000
const END_MS = 60_000
const ACKNOWLEDGED_AFTER = 200

export const disk: Scenario = {
  name: 'disk',
  about: 'an fsync fails and ends its node; a disk runs full and recovers; no write is lost',
  run: runDisk,
}

async function runDisk(context: ScenarioContext): Promise<ScenarioReport> {
  const size = 3 + (Number(context.seed) % 3)
  const atoll = new AtollWorld(context, size, { partitions: 16 })
  const { world, cluster, random } = atoll
  await world.run(async () => {
    await cluster.form(size)
    atoll.startClients(6, 60)
    await world.sleep(random.between(2000, 8000))
    await failSync(atoll, random.int(size))
    await world.sleep(random.between(2000, 8000))
    await runFull(atoll, random.int(size))
    await atoll.endClientsAfter(ACKNOWLEDGED_AFTER)
    await atoll.enough()
    await atoll.finish()
  })
  return atoll.report(2)
}

async function failSync(atoll: AtollWorld, victim: number): Promise<void> {
  const { world } = atoll
  atoll.disk(victim).faults.failSync = true
  let ended = false
  const failure = world.call(victim, async (node) => node?.failed)
  failure.then(
    () => {
      ended = true
    },
    () => undefined,
  )
  await world.until('the node whose fsync failed ends', END_MS, () => ended)
  // What the failed fsync was to keep may be gone.
  world.powerLoss(victim)
  atoll.disk(victim).faults.failSync = false
  await world.start(victim)
}

async function runFull(atoll: AtollWorld, victim: number): Promise<void> {
  const { faults } = atoll.disk(victim)
  const used = atoll
    .disk(victim)
    .fileNames()
    .reduce((sum, name) => sum + (atoll.disk(victim).fileBytes(name)?.length ?? 0), 0)
  faults.capacityBytes = used + 1000
  await atoll.world.sleep(FULL_MS)
  faults.capacityBytes = Number.POSITIVE_INFINITY
}
