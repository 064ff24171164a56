/** What it costs that daemons serve metrics and are asked for them each second. */
import { execFileSync } from 'node:child_process'
import { type Bench, choose } from '../harness/bench.ts'
import { compare, type Plan, usualPlan } from '../harness/compare.ts'
import type { Report } from '../harness/report.ts'
import type { Offer, RunningSystem, Section } from '../harness/section.ts'
import { atoll, MEMBERS, startAtoll } from '../ours/atoll.ts'
import { ATOLLD } from '../ours/daemons.ts'
import { SIZES } from './store.ts'

const FLAG = '--metrics'
const WORKS = ['write', 'read']
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
    const stop = new AbortController()
    const timer = setInterval(() => {
      for (const port of ports) scrape(port, stop.signal)
    }, SCRAPE_MS)
    const started: RunningSystem[] = []
    try {
      const without = await startAtoll(bench)
      started.push(without)
      const metered = await startAtoll(bench, (i) => [FLAG, `127.0.0.1:${ports[i]}`])
      started.push(metered)
      for (const offer of metered.offers) {
        if (offer.lead !== true || !WORKS.includes(offer.work)) continue
        // One offer at a time, so that each is compared with itself.
        const systems = new Map([
          ['without', only(without, offer, 'without metrics', false)],
          ['with', only(metered, offer, 'with metrics', true)],
        ])
        await compare({ ...bench, systems }, report, offer.work, SIZES, planOf(bench))
      }
    } finally {
      clearInterval(timer)
      stop.abort()
      for (const system of started) await system.stop()
    }
  },
}

function planOf(bench: Bench): Plan {
  const { seconds } = usualPlan(bench)
  // More rounds than elsewhere: what is looked for is a small difference.
  return { loads: [{ kind: 'closed', inFlight: 64 }], rounds: choose(bench, 15, 3), seconds }
}

/** The system with nothing but what is called so; the metered side leads. */
function only(
  system: RunningSystem,
  { what }: Offer,
  suffix: string,
  lead: boolean,
): RunningSystem {
  const offers = system.offers
    .filter((offer) => offer.what === what)
    .map((offer) => ({ ...offer, what: `${what}, ${suffix}`, lead }))
  return { ...system, offers }
}

/** What comes back is thrown away; a daemon that is still starting refuses, which is no matter. */
function scrape(port: number, signal: AbortSignal): void {
  fetch(`http://127.0.0.1:${port}/metrics`, { signal })
    .then((response) => response.text())
    .catch(() => undefined)
}
