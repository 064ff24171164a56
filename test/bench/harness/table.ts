/** The results as a person reads them: tables of text. */
import type { Figure, Ratio, Row, SectionResult } from './results.ts'

/** Columns padded to their widest cell: the first to the left, numbers to the right. */
export function tableOf(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) =>
    Math.max(...[head, ...lines].map((l) => l[i]?.length ?? 0), cell.length),
  )
  const show = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i < 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  return [head, ...lines].map(show).join('\n')
}

/** Three significant digits, and no more than a reader needs. */
export function numberOf(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en').replaceAll(',', ' ')
  return String(Number(value.toPrecision(3)))
}

export function sectionText(result: SectionResult): string {
  const parts = [`\n## ${result.title} (${Math.round(result.seconds)} s)`]
  if (result.failure !== null) parts.push(result.failure)
  for (const [setting, rows] of grouped(result.rows, ({ setting: of }) => of)) {
    parts.push(rowsTable(setting, rows))
  }
  if (result.ratios.length > 0) parts.push(ratiosTable(result.ratios))
  for (const note of result.notes) parts.push(`- ${note}`)
  return parts.join('\n\n')
}

function rowsTable(setting: string, rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))]
  const unitOf = (name: string) => rows.find((row) => row.figures[name])?.figures[name]?.unit ?? ''
  const head = [setting, ...names.map((name) => `${name} ${unitOf(name)}`.replace(' /', '/'))]
  const lines = rows.map((row) => [row.what, ...names.map((name) => figureText(row.figures[name]))])
  return tableOf(head, lines)
}

function figureText(figure: Figure | undefined): string {
  if (figure === undefined) return ''
  if (figure.rounds.length < 2) return numberOf(figure.median)
  return `${numberOf(figure.median)} ±${spreadPercent(figure)}%`
}

/** Half of the range over the rounds, as a share of the median. */
function spreadPercent({ low, high, median }: Figure): string {
  const share = ((high - low) / 2 / Math.abs(median || 1)) * 100
  return Number.isFinite(share) ? String(Math.round(share)) : '–'
}

/** One line for each pair under each setting; a figure of which less is better is marked ↓. */
function ratiosTable(ratios: readonly Ratio[]): string {
  const names = [...new Map(ratios.map(({ figure, better }) => [figure, better]))]
  const pairs = grouped(ratios, ({ ours, theirs, setting }) => `${ours} ÷ ${theirs}, ${setting}`)
  const lines = [...pairs].map(([pair, of]) => [
    pair,
    ...names.map(([name]) => ratioText(of.find(({ figure }) => figure === name))),
  ])
  const heads = names.map(([name, better]) => (better === 'less' ? `${name} ↓` : name))
  return tableOf(['ours ÷ theirs', ...heads], lines)
}

function ratioText(ratio: Ratio | undefined): string {
  if (ratio === undefined) return ''
  const { median, low, high, rounds } = ratio
  // A range of a few percent says no more than the ratio.
  const close = rounds.length < 2 || high - low < median / 20
  const range = close ? '' : ` (${numberOf(low)}–${numberOf(high)})`
  return `${numberOf(median)}×${range}`
}

export function grouped<T>(items: readonly T[], by: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const name = by(item)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [item])
    else group.push(item)
  }
  return groups
}
