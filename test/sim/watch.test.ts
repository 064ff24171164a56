/**
 * What nodes say of themselves, in a simulated cluster: a kill, a cut, a stall and a wrong clock are
 * in the doctor's findings and on the timeline, and are gone from the findings when they are over.
 */
import assert from 'node:assert/strict'
import type { AtollNode, Diagnosis, Incident, Timeline } from '../../src/node/api.ts'
import { atollProgram, type AtollProgramNode } from './atoll-program.ts'
import { Cluster } from './cluster.ts'
import { SimDisk } from './sim-storage.ts'
import { World } from './world.ts'

interface Scene {
  readonly world: World<AtollProgramNode>
  readonly cluster: Cluster<AtollProgramNode>
  readonly doctor: (index: number, deadlineMs?: number) => Promise<Diagnosis>
  readonly timeline: (index: number, sinceMs?: number) => Promise<Timeline>
  readonly until: (what: string, condition: () => Promise<boolean>) => Promise<void>
}

async function inCluster(
  seed: string,
  size: number,
  run: (scene: Scene) => Promise<void>,
  announceOf?: (name: string) => readonly string[],
) {
  const world = new World<AtollProgramNode>({
    seed,
    hosts: size,
    program: atollProgram({ partitions: 16, ...(announceOf && { announceOf }) }),
    disk: (_name, random) => new SimDisk(random),
    kernel: { limitMs: 3_600_000 },
  })
  const cluster = new Cluster(world)
  const on = <T>(index: number, ask: (node: AtollNode) => Promise<T>): Promise<T> =>
    world.call(index, (node) => (node === null ? assert.fail('it is down') : ask(node)))
  await world.run(async () => {
    await cluster.form(size)
    await run({
      world,
      cluster,
      doctor: (index, deadlineMs) =>
        on(index, (node) => node.doctor(deadlineMs === undefined ? {} : { deadlineMs })),
      timeline: (index, sinceMs) =>
        on(index, (node) => node.debug.timeline(sinceMs === undefined ? {} : { sinceMs })),
      until: (what, condition) => world.until(what, 60_000, condition),
    })
    await cluster.stop()
  })
}

function told({ event, subject }: Incident): string {
  return `${event} ${subject}`.trim()
}

function bad({ findings }: Diagnosis): string[] {
  return findings
    .filter(({ severity }) => severity !== 'ok')
    .map(({ check, severity, seen }) => `${severity} ${check}: ${seen}`)
}

describe('a node says how it is', function () {
  this.timeout(60_000)

  it('well: every check says ok; the timeline tells how the cluster formed', async () => {
    await inCluster('well', 3, async ({ doctor, timeline }) => {
      const diagnosis = await doctor(1)
      assert.deepEqual([bad(diagnosis), diagnosis.asked, diagnosis.members], [[], 2, 3])
      const checks = diagnosis.findings.map(({ check }) => check)
      assert.deepEqual(checks, [
        'quorum',
        'movement',
        'reachability',
        'addresses',
        'clock',
        'versions',
        'fsync',
        'event loop',
        'disk space',
        'permissions',
        'open files',
      ])
      const { incidents, lost, name } = await timeline(0)
      assert.deepEqual([name, lost], ['n0', null])
      const events = incidents.map(told)
      assert.equal(events[0], 'node.started')
      for (const event of ['topology.adopted', 'member.join n1', 'member.join n2']) {
        assert.ok(events.includes(event), `${event} in ${events.join(', ')}`)
      }
    })
  })

  it('kill and restart: dead and back, here and on the timeline', async () => {
    await inCluster('kill', 3, async ({ world, cluster, doctor, timeline, until }) => {
      world.crash(2)
      await until('it is known', async () =>
        bad(await doctor(0)).some((one) => /n2 is dead/.test(one)),
      )
      const while2Down = await doctor(0)
      assert.deepEqual(bad(while2Down).length, 2, bad(while2Down).join('\n'))
      assert.match(bad(while2Down).join('\n'), /^warn quorum: no further failure/)
      await world.start(2)
      await cluster.settled()
      await until('all is well', async () => bad(await doctor(0)).length === 0)
      const about = (await timeline(0)).incidents.filter(({ subject }) => subject === 'n2')
      const story = about.map(({ event, detail }) => `${event} ${detail['was'] ?? ''}`.trim())
      const order = [
        'member.join',
        'member.suspect alive',
        'member.dead suspect',
        'member.alive dead',
      ]
      assert.deepEqual(
        story.filter((event) => order.includes(event)),
        order,
      )
      const [started] = (await timeline(2)).incidents
      assert.deepEqual([started?.event, started?.detail['boot']], ['node.started', 2])
    })
  })

  it('alone: what needs nobody else is answered, by the deadline', async () => {
    await inCluster('alone', 3, async ({ world, doctor, timeline, cluster }) => {
      world.partition([0], [1, 2])
      const startMs = world.kernel.nowMs
      const diagnosis = await doctor(0, 2000)
      assert.ok(world.kernel.nowMs - startMs <= 2000)
      const found = bad(diagnosis)
      assert.equal(
        found.filter((one) => /^fail reachability: n[12] is alive but/.test(one)).length,
        2,
      )
      for (const check of ['quorum', 'fsync', 'event loop']) {
        assert.ok(
          diagnosis.findings.some((finding) => finding.check === check),
          check,
        )
      }
      await world.sleep(30_000)
      assert.match(
        bad(await doctor(0)).join('\n'),
        /fail quorum: 16 of 16 partitions lack a majority/,
      )
      const events = (await timeline(0)).incidents.map(told)
      for (const name of ['n1', 'n2']) assert.ok(events.includes(`member.dead ${name}`))
      world.heal()
      await cluster.settled()
      const after = (await timeline(0, 30_000)).incidents.map(told)
      for (const name of ['n1', 'n2']) assert.ok(after.includes(`member.alive ${name}`))
    })
  })

  it('two that do not reach each other are found by a third', async () => {
    await inCluster('pair', 4, async ({ world, doctor, until }) => {
      await until('all is well', async () => bad(await doctor(0)).length === 0)
      world.cut(1, 2)
      const found = bad(await doctor(0))
      assert.match(found[0] ?? '', /n[12] and n[12] do not reach each other/)
      assert.equal(found.length, 1)
      world.heal()
      await until('all is well', async () => bad(await doctor(0)).length === 0)
    })
  })

  it('one that gives out an address at which nobody listens', async () => {
    const wrong = '/ip4/10.9.9.9/tcp/4410'
    const announceOf = (name: string): readonly string[] => (name === 'n2' ? [wrong] : [])
    const run = async ({ doctor }: Scene): Promise<void> => {
      const diagnosis = await doctor(0)
      assert.match(
        bad(diagnosis).join('\n'),
        /^warn addresses: nobody can dial n2 at \/ip4\/10\.9\.9\.9/,
      )
      const reached = diagnosis.findings.find(({ check }) => check === 'reachability')
      assert.equal(reached?.severity, 'ok')
    }
    await inCluster('wrong', 3, run, announceOf)
  })

  it('a stall and a clock that was set are noticed by the node itself, and by others', async () => {
    await inCluster('stall', 3, async ({ world, doctor, timeline, until }) => {
      world.stall(1, 3000)
      await world.sleep(3500)
      const stall = (await timeline(1)).incidents.find(({ event }) => event === 'node.stall')
      assert.ok(stall !== undefined)
      const lateMs = Number(stall.detail['lateMs'])
      assert.ok(lateMs > 2700 && lateMs <= 3000, `${lateMs}`)
      assert.ok(Math.abs(stall.untilMs - stall.atMs - lateMs) <= 1)
      assert.match(
        bad(await doctor(1)).join('\n'),
        /^warn event loop: .* at worst (2\.[7-9]|3\.0) s/m,
      )
      await world.sleep(61_000)
      assert.deepEqual(bad(await doctor(1)), [])

      world.host(1).clock.jump(7000)
      await world.sleep(1000)
      assert.match(bad(await doctor(0)).join('\n'), /^warn clock: n1 7\.0 s ahead$/)
      assert.match(bad(await doctor(1)).join('\n'), /the clock of this machine against all others/)
      const steps = (await timeline(1)).incidents.filter(
        ({ event }) => event === 'node.clock-stepped',
      )
      assert.deepEqual(
        steps.map(({ detail }) => detail['byMs']),
        [7000],
      )
      world.host(1).clock.reset()
      await until('all is well', async () => bad(await doctor(0)).length === 0)
    })
  })

  it('the machine that it runs on', async () => {
    await inCluster('machine', 2, async ({ world, doctor }) => {
      const { figures } = world.host(1)
      figures.modes.set('data directory', 0o755)
      figures.openFiles = { now: 40, max: 256 }
      figures.disk = { freeBytes: 1, totalBytes: 2 ** 30 }
      const found = bad(await doctor(1)).filter((one) => !/quorum/.test(one))
      assert.deepEqual(
        found.map((one) => one.slice(0, one.indexOf(':'))),
        ['fail disk space', 'fail permissions', 'warn open files'],
      )
      figures.look = () => Promise.reject(new Error('EIO'))
      assert.match(bad(await doctor(1)).join('\n'), /^fail machine: .*EIO/m)
      // What hangs is given up, and the rest is told.
      figures.look = () => new Promise(() => undefined)
      const startMs = world.kernel.nowMs
      assert.match(bad(await doctor(1)).join('\n'), /^fail machine: .*no answer in 4000 ms/m)
      assert.ok(world.kernel.nowMs - startMs < 5000)
    })
  })

  it('before it belongs to a cluster, and not after its end', async () => {
    const world = new World<AtollProgramNode>({
      seed: 'unclaimed',
      hosts: 1,
      program: atollProgram({ partitions: 16 }),
      disk: (_name, random) => new SimDisk(random),
    })
    await world.run(async () => {
      const node = await world.start(0)
      const diagnosis = await world.call(0, () => node.doctor())
      assert.deepEqual(bad(diagnosis), ['warn quorum: this daemon belongs to no cluster yet'])
      // It ends in the middle of an examination, and leaves no timer behind.
      const late = world.call(0, () => node.doctor())
      await world.stop(0)
      await late.catch(() => undefined)
      await assert.rejects(node.doctor(), { code: 'STOPPED' })
    })
  })
})
