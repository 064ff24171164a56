/**
 * Metrics: what a layer counts, under one name each, for whoever asks how this node is.
 *
 * A hot path pays for a number and nothing else. A layer keeps plain numbers where things happen
 * (`counts.probes++`, `histogram.observe(seconds)`), and one file of it, `metrics.ts`, declares what
 * they are called and how to read them. Nothing is read before somebody asks, so what is only known
 * by looking (queue lengths, members by state) costs nothing until then.
 *
 * How a layer adds a metric:
 *  1. keep the number: a field of the layer's `counts.ts`, or a `Histogram` there;
 *  2. declare it in the layer's `metrics.ts`, with a function that reads it:
 *       metrics.counter('atoll_swim_probes_total', 'Probes begun.', () => counts.probes)
 *       metrics.gauges('atoll_swim_members', 'Members, by state.', ['state'], () => […])
 *     (a new layer calls its `metrics.ts` from `node/compose.ts`);
 *  3. add its row to `src/node/METRICS.md`: a test holds that table to what a real node declares.
 *
 * Rules. A name begins with `atoll_` and the layer, and says its base unit: `_seconds`, `_bytes`. A
 * counter only grows while its owner lives, and ends in `_total`. Label values come from a fixed
 * set (states, error codes, methods), never from users or peers: each is a series for ever. A reader
 * is called at any time, also after the layer has stopped, and must not throw or wait.
 *
 * Not a seam: it is memory alone, so the daemon, an embedding program and the simulator use this.
 */
import { assert } from './assert.ts'
import type { Histogram } from './histogram.ts'

export type MetricType = 'counter' | 'gauge' | 'histogram'
export type MetricLabels = Readonly<Record<string, string>>

/** One number. */
export interface MetricValue {
  readonly labels: MetricLabels
  readonly value: number
}

/** `buckets`: how many were at most each bound; `count`: how many there were. */
export interface MetricDistribution {
  readonly labels: MetricLabels
  readonly count: number
  readonly sum: number
  readonly buckets: readonly { readonly le: number; readonly count: number }[]
}

export type MetricSample = MetricValue | MetricDistribution

/** All that goes by one name. */
export interface MetricFamily {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  /** Names of the labels that each sample has. */
  readonly labels: readonly string[]
  readonly samples: readonly MetricSample[]
}

/** A number or histogram, and its label values in the order of the declared labels. */
export type Labelled<T> = readonly [T, ...string[]]

interface Metric extends Omit<MetricFamily, 'samples'> {
  readonly read: () => readonly MetricSample[]
}

const NAME = /^[a-z][a-z0-9_]*$/

export class Metrics {
  readonly #metrics = new Map<string, Metric>()

  counter(name: string, help: string, read: () => number): void {
    this.counters(name, help, [], () => [[read()]])
  }

  counters(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Labelled<number>>,
  ): void {
    assert(name.endsWith('_total'), `the counter ${name} must end in _total`)
    this.#add('counter', name, help, labels, () => values(labels, read()))
  }

  /** Left out while it reads as null: unknown is not zero. */
  gauge(name: string, help: string, read: () => number | null): void {
    this.gauges(name, help, [], () => {
      const value = read()
      return value === null ? [] : [[value]]
    })
  }

  gauges(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Labelled<number>>,
  ): void {
    assert(!name.endsWith('_total'), `the gauge ${name} must not end in _total`)
    this.#add('gauge', name, help, labels, () => values(labels, read()))
  }

  histogram(name: string, help: string, histogram: Histogram): void {
    this.histograms(name, help, [], () => [[histogram]])
  }

  histograms(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Labelled<Histogram>>,
  ): void {
    this.#add('histogram', name, help, labels, () =>
      Array.from(read(), ([histogram, ...of]) => distribution(named(labels, of), histogram)),
    )
  }

  /** Everything as it is now, in the order of declaration; also what has no sample yet. */
  collect(): MetricFamily[] {
    return Array.from(this.#metrics.values(), ({ read, ...declared }) => {
      return { ...declared, samples: read() }
    })
  }

  #add(
    type: MetricType,
    name: string,
    help: string,
    labels: readonly string[],
    read: () => readonly MetricSample[],
  ): void {
    assert(NAME.test(name), `"${name}" is no name of a metric`)
    assert(!this.#metrics.has(name), `${name} is declared twice`)
    for (const label of labels) assert(NAME.test(label) && label !== 'le', `${name}: ${label}`)
    this.#metrics.set(name, { name, type, help, labels, read })
  }
}

function values(
  labels: readonly string[],
  numbers: Iterable<Labelled<number>>,
): readonly MetricValue[] {
  return Array.from(numbers, ([value, ...of]) => ({ labels: named(labels, of), value }))
}

function distribution(labels: MetricLabels, histogram: Histogram): MetricDistribution {
  const atMost = histogram.atMost()
  const buckets = histogram.bounds.map((le, i) => ({ le, count: atMost[i] ?? 0 }))
  return { labels, count: histogram.count, sum: histogram.sum, buckets }
}

function named(labels: readonly string[], of: readonly string[]): MetricLabels {
  assert(labels.length === of.length, `${labels.length} labels, ${of.length} values`)
  return Object.fromEntries(labels.map((label, i) => [label, of[i] ?? '']))
}
