/**
 * S9: the power of one machine fails, again and again, after the others have its writes and before its
 * own disk has. Then that of the whole cluster in the midst of writing, several times; what no disk had
 * synced is gone, and no acknowledged write may be.
 */
import { AtollWorld } from '../atoll-world.ts'
import { CutShort } from '../cut-short.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'

const BLACKOUTS = 3
const ACKNOWLEDGED_EACH = 80
const CUT_SHORT = 3

export const blackout: Scenario = {
  name: 'blackout',
  about: 'the power of all machines fails while clients write; no acknowledged write is lost',
  run: runBlackout,
}

async function runBlackout(context: ScenarioContext): Promise<ScenarioReport> {
  const size = 3 + (Number(context.seed) % 3)
  const atoll = new AtollWorld(context, size, { partitions: 16 })
  const { world, cluster, workload, random } = atoll
  const cutShort = new CutShort(atoll)
  await world.run(async () => {
    await cluster.form(size)
    // The first writes of a disk among them.
    for (let i = 0; i < CUT_SHORT; i++) {
      await cutShort.round()
      await cluster.settled()
    }
    atoll.startClients(8, 30)
    for (let i = 1; i <= BLACKOUTS; i++) {
      await world.until('clients get on', 120_000, () => {
        return workload.acknowledged >= i * ACKNOWLEDGED_EACH
      })
      await world.sleep(random.between(0, 200))
      // The worst moment: a client has just been told. Then one machine after the other, as a
      // failing supply has it, within a millisecond or at once.
      await workload.nextAcknowledgement()
      const apartMs = random.chance(0.5) ? 0 : 0.2
      for (const { index } of world.hosts) {
        await world.sleep(random.exponential(apartMs))
        world.powerLoss(index)
      }
      await world.sleep(random.exponential(5000))
      await Promise.all(world.hosts.map(({ index }) => world.start(index)))
    }
    await atoll.endClientsAfter(BLACKOUTS * ACKNOWLEDGED_EACH)
    await atoll.enough()
    await cutShort.verify()
    await atoll.finish()
  })
  const notes = `${cutShort.writes} writes at others alone when their coordinator lost its power`
  return atoll.report(BLACKOUTS * size + cutShort.rounds, notes)
}
