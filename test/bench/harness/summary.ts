/** The ratios of a run as a Markdown table: what is worth keeping of it in a document. */
import type { Ratio, Results } from './results.ts'
import { environmentText } from './environment.ts'
import { grouped, numberOf } from './table.ts'

/** `RSS` and the last permille are in `results.json`. */
const FIGURES = ['throughput', 'p50', 'p99', 'server CPU']

export function summaryOf({ environment, sections }: Results): string {
  const parts = [environmentText(environment).replaceAll('\n', '  \n')]
  for (const { title, ratios } of sections) {
    const pairs = grouped(ratios, ({ ours, theirs, setting }) => `${setting} | ${ours} ÷ ${theirs}`)
    const names = [...new Set(ratios.map(({ figure }) => figure))]
    const shown = FIGURES.some((name) => names.includes(name)) ? FIGURES : names
    if (pairs.size === 0) continue
    const lines = [...pairs].map(
      ([pair, of]) => `| ${pair} | ${shown.map((name) => cellOf(of, name)).join(' | ')} |`,
    )
    parts.push(
      [
        `### ${title}\n`,
        `| | ours ÷ theirs | ${shown.join(' | ')} |`,
        `|---|---|${'---:|'.repeat(shown.length)}`,
        ...lines,
      ].join('\n'),
    )
  }
  return `${parts.join('\n\n')}\n`
}

function cellOf(ratios: readonly Ratio[], name: string): string {
  const ratio = ratios.find(({ figure }) => figure === name)
  return ratio === undefined ? '' : `${numberOf(ratio.median)}×`
}
