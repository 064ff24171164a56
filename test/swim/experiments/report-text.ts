/** A report as Markdown. */
import type { Verdict } from './experiment.ts'
import type { Result } from './run.ts'

export function reportText({ name, title, source, setUp, report }: Result): string {
  return [
    `## ${title} (\`${name}\`)`,
    `${source}`,
    setUp.map((line) => `- ${line}`).join('\n'),
    tableText(report.head, report.rows),
    report.verdicts.map(verdictText).join('\n'),
    ...report.plots.map(({ title: of }, i) => `![${of}](${plotFile(name, i)})`),
  ].join('\n\n')
}

export function plotFile(name: string, i: number): string {
  return i === 0 ? `${name}.svg` : `${name}-${i + 1}.svg`
}

export function verdictText({ claim, holds, measured }: Verdict): string {
  return `- ${holds ? 'Agrees' : '**Does not agree**'}: ${claim}. Measured: ${measured}.`
}

/** Padded, so that it reads as plain text too. */
function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) =>
    Math.max(cell.length, 3, ...rows.map((row) => row[i]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}
