/**
 * What is done to a cluster while clients use its registers. Each fault begins, lasts, and is over;
 * what comes after it is the same for all: everything must be well again by itself.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { AtollError } from '../../../src/base/errors.ts'
import type { HostileCluster } from './cluster.ts'

export interface Fault {
  readonly name: string
  /** Only where paths can be cut. */
  readonly cuts?: true
  run(cluster: HostileCluster): Promise<void>
}

const LASTS_MS = 3000
/** Long enough that membership gives the others up. */
const CUT_MS = 12_000
const MINORITY_DEADLINE_MS = 2000
/** Beyond the deadline, for the call itself. */
const GRACE_MS = 1000

function firstHalf({ size }: HostileCluster): number {
  return Math.floor(size / 2)
}

/** Each pair that has one member on each side. */
function* pairs(left: readonly number[], right: readonly number[]) {
  for (const a of left) for (const b of right) yield [a, b] as const
}

async function cutApart(
  cluster: HostileCluster,
  left: readonly number[],
  right: readonly number[],
): Promise<void> {
  for (const [a, b] of pairs(left, right)) {
    cluster.network.cut(a, b)
    cluster.network.cut(b, a)
  }
  await delay(CUT_MS)
  cluster.network.heal()
}

/** A minority says that it is one, in time, and what became of the change. */
async function assertNoQuorum(cluster: HostileCluster, index: number): Promise<void> {
  const node = await cluster.node(index)
  const deadlineMs = MINORITY_DEADLINE_MS
  for (const call of [
    () => node.reg.set(`minority/${index}`, 'nothing', { deadlineMs }),
    () => node.reg.get(`minority/${index}`, { deadlineMs }),
  ]) {
    const startMs = performance.now()
    const answer = await call().catch((error: unknown) => error)
    const tookMs = performance.now() - startMs
    assert.ok(answer instanceof AtollError, `a minority answered: ${JSON.stringify(answer)}`)
    assert.equal(answer.code, 'NO_QUORUM', answer.message)
    assert.ok(['unknown', 'not-applied'].includes(answer.outcome), answer.outcome)
    assert.ok(tookMs < deadlineMs + GRACE_MS, `NO_QUORUM after ${Math.round(tookMs)} ms`)
  }
  const { daemon, machine } = { daemon: cluster.daemon(index), machine: cluster.machine }
  const { status } = await machine.atoll('--socket', daemon.socket, 'reg', 'get', 'minority')
  assert.equal(status, 6)
}

const killEach: Fault = {
  name: 'kill',
  async run(cluster) {
    for (const index of cluster.indices) {
      await cluster.kill(index)
      await delay(LASTS_MS)
      cluster.restart(index)
      await cluster.steady()
    }
  },
}

/** Back before anybody has noticed. */
const quickRestarts: Fault = {
  name: 'quick',
  async run(cluster) {
    for (const index of cluster.indices) {
      await cluster.kill(index)
      cluster.restart(index)
      await delay(LASTS_MS)
    }
  },
}

const pauseEach: Fault = {
  name: 'pause',
  async run(cluster) {
    for (const index of cluster.indices) {
      cluster.pause(index)
      await delay(LASTS_MS)
      cluster.resume(index)
      await delay(LASTS_MS)
    }
  },
}

const wipe: Fault = {
  name: 'wipe',
  run: (cluster) => cluster.wipe(cluster.size - 1),
}

const minority: Fault = {
  name: 'minority',
  async run(cluster) {
    const gone = cluster.indices.slice(0, firstHalf(cluster))
    await cluster.kill(...gone)
    await delay(CUT_MS)
    cluster.restart(...gone)
  },
}

const majority: Fault = {
  name: 'majority',
  async run(cluster) {
    // All but one: no partition has more than one replica left.
    const gone = cluster.indices.slice(1)
    await cluster.kill(...gone)
    await assertNoQuorum(cluster, 0)
    await delay(CUT_MS)
    await assertNoQuorum(cluster, 0)
    cluster.restart(...gone)
  },
}

const power: Fault = {
  name: 'power',
  async run(cluster) {
    for (let times = 0; times < 3; times++) {
      await cluster.kill(...cluster.indices)
      cluster.restart(...cluster.indices)
      await cluster.steady()
      await delay(LASTS_MS)
    }
  },
}

const halves: Fault = {
  name: 'halves',
  cuts: true,
  async run(cluster) {
    const half = firstHalf(cluster)
    await cutApart(cluster, cluster.indices.slice(0, half), cluster.indices.slice(half))
    await cluster.steady()
    // The other way round: whoever led is now on the other side.
    await cutApart(cluster, cluster.indices.slice(-half), cluster.indices.slice(0, -half))
  },
}

const alone: Fault = {
  name: 'alone',
  cuts: true,
  async run(cluster) {
    const others = cluster.indices.slice(1)
    for (const [a, b] of pairs(cluster.indices, cluster.indices)) {
      if (a !== b) cluster.network.cut(a, b)
    }
    await delay(CUT_MS)
    await assertNoQuorum(cluster, 0)
    await assertNoQuorum(cluster, others.length)
    cluster.network.heal()
  },
}

const oneWay: Fault = {
  name: 'one-way',
  cuts: true,
  async run(cluster) {
    for (const index of cluster.indices) {
      const others = cluster.indices.filter((other) => other !== index)
      // It hears nobody; then nobody hears it.
      for (const other of others) cluster.network.cut(other, index)
      await delay(LASTS_MS)
      cluster.network.heal()
      for (const other of others) cluster.network.cut(index, other)
      await delay(LASTS_MS)
      cluster.network.heal()
      await delay(LASTS_MS)
    }
  },
}

/** Two sides that share one daemon: it sees all, the sides do not see each other. */
const bridge: Fault = {
  name: 'bridge',
  cuts: true,
  async run(cluster) {
    const half = firstHalf(cluster)
    await cutApart(cluster, cluster.indices.slice(0, half), cluster.indices.slice(half + 1))
  },
}

export const FAULTS: readonly Fault[] = [
  killEach,
  quickRestarts,
  pauseEach,
  minority,
  majority,
  wipe,
  halves,
  alone,
  oneWay,
  bridge,
  power,
]
