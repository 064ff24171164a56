/** What it costs that daemons serve metrics and are asked for them each second. */
import { execFileSync } from 'node:child_process'
import { type Bench, choose } from '../harness/bench.ts'
import { compare, type Plan, usualPlan } from '../harness/compare.ts'
import type { Report } from '../harness/report.ts'
import type { RunningSystem, Section } from '../harness/section.ts'
import { atoll, MEMBERS, startAtoll } from '../ours/atoll.ts'
import { ATOLLD } from '../ours/daemons.ts'
import { SIZES } from './store.ts'

const FLAG = '--metrics'
const SCRAPE_MS = 1_000

export const metricsCostSection: Section = {
  name: 'metrics-cost',
  title: 'The same daemons with metrics, scraped each second, and without',
  needs: atoll.needs,
  systems: [],
  run: async (bench: Bench, report: Report) => {
    if (!execFileSync(process.execPath, [ATOLLD, '--help']).toString().includes(FLAG)) {
      report.note(`This atolld has no ${FLAG} yet: left out.`)
      return
    }
    const ports = await bench.children.freePorts(MEMBERS)
    const systems = new Map<string, RunningSystem>()
    const stop = new AbortController()
    const timer = setInterval(() => {
      for (const port of ports) scrape(port, stop.signal)
    }, SCRAPE_MS)
    try {
      systems.set('without', named(await startAtoll(bench), 'without metrics', false))
      const metered = await startAtoll(bench, (i) => [FLAG, `127.0.0.1:${ports[i]}`])
      systems.set('with', named(metered, 'with metrics', true))
      for (const work of ['write', 'read']) {
        const label = work
        await compare({ ...bench, systems }, report, work, SIZES, { ...planOf(bench), label })
      }
    } finally {
      clearInterval(timer)
      stop.abort()
      for (const system of systems.values()) await system.stop()
    }
  },
}

function planOf(bench: Bench): Plan {
  const { seconds } = usualPlan(bench)
  // More rounds than elsewhere: what is looked for is a small difference.
  return { loads: [{ kind: 'closed', inFlight: 64 }], rounds: choose(bench, 15, 4), seconds }
}

/** Only what ratios are made of; the metered side leads. */
function named(system: RunningSystem, suffix: string, lead: boolean): RunningSystem {
  const offers = system.offers
    .filter((offer) => offer.lead === true)
    .map((offer) => ({ ...offer, what: `${offer.what}, ${suffix}`, lead }))
  return { ...system, offers }
}

/** What comes back is thrown away; a daemon that is still starting refuses, which is no matter. */
function scrape(port: number, signal: AbortSignal): void {
  fetch(`http://127.0.0.1:${port}/metrics`, { signal })
    .then((response) => response.text())
    .catch(() => undefined)
}
