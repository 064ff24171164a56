/** Throughput and the 99th percentile over what is in flight, from the rows of a comparison. */
import { svgOf } from './plot.ts'
import type { Report } from './report.ts'
import type { Row } from './results.ts'

/** What `settingOf` writes for a closed load. */
const IN_FLIGHT = /^(\d+) in flight$/

export function plotLoads(report: Report, title: string, rows: readonly Row[]): void {
  plotFigure(report, title, rows, 'throughput', 'operations a second')
  plotFigure(report, title, rows, 'p99', '99th percentile, ms')
}

function plotFigure(
  report: Report,
  title: string,
  rows: readonly Row[],
  name: string,
  label: string,
): void {
  const series = new Map<string, [number, number][]>()
  for (const { what, setting, figures } of rows) {
    const inFlight = IN_FLIGHT.exec(setting)?.[1]
    const value = figures[name]?.median
    if (inFlight === undefined || value === undefined) continue
    const points = series.get(what) ?? []
    points.push([Number(inFlight), value])
    series.set(what, points)
  }
  if (series.size === 0) return
  report.file(
    `${name}.svg`,
    svgOf({
      title,
      x: { label: 'in flight', scale: 'log' },
      y: { label, scale: 'log' },
      series: [...series].map(([what, points]) => ({ name: what, points })),
    }),
  )
}
