/**
 * Metrics as the text that Prometheus and most other collectors read: its exposition format,
 * version 0.0.4 (prometheus.io, "Exposition formats").
 */
import type { MetricFamily, MetricLabels, MetricSample } from './metrics.ts'

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function prometheusText(families: readonly MetricFamily[]): string {
  return families.map(familyText).join('')
}

function familyText({ name, type, help, samples }: MetricFamily): string {
  const head = `# HELP ${name} ${escaped(help, false)}\n# TYPE ${name} ${type}\n`
  return head + samples.map((sample) => sampleText(name, sample)).join('')
}

function sampleText(name: string, sample: MetricSample): string {
  const { labels } = sample
  if ('value' in sample) return line(name, labels, sample.value)
  const { buckets, count, sum } = sample
  const all = [
    ...buckets.map(({ le, count: n }) => [String(le), n] as const),
    ['+Inf', count] as const,
  ]
  return (
    all.map(([le, n]) => line(`${name}_bucket`, { ...labels, le }, n)).join('') +
    line(`${name}_sum`, labels, sum) +
    line(`${name}_count`, labels, count)
  )
}

function line(name: string, labels: MetricLabels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text, true)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}\n`
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

function escaped(text: string, isQuoted: boolean): string {
  const lines = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return isQuoted ? lines.replaceAll('"', '\\"') : lines
}
