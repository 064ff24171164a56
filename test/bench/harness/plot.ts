/**
 * Plots as SVG, without a library: lines over a number axis, linear or logarithmic, with shaded
 * spans. Readable on white and on dark paper alike, and by those who do not see every colour:
 * series differ in dashes and marks too.
 */

export interface Axis {
  readonly label: string
  readonly scale: 'linear' | 'log'
}

export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** A span of the x axis, such as the time in which a server was dead. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly label: string
}

export interface Plot {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  readonly spans?: readonly Span[]
}

const WIDTH = 860
const HEIGHT = 420
const LEFT = 72
const RIGHT = 300
const TOP = 40
const BOTTOM = 52
const PLOT_WIDTH = WIDTH - LEFT - RIGHT
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM
/** Okabe and Ito's palette, which keeps apart for most kinds of colour blindness. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#555555']
const DASHES = ['', '6 3', '2 3', '8 3 2 3']

/** The text of an SVG document. Points that a logarithmic axis cannot hold are left out. */
export function svgOf(plot: Plot): string {
  const shown = plot.series.map(({ name, points }) => ({
    name,
    points: points.filter(([x, y]) => fits(plot.x, x) && fits(plot.y, y)),
  }))
  const xs = shown.flatMap(({ points }) => points.map(([x]) => x))
  const ys = shown.flatMap(({ points }) => points.map(([, y]) => y))
  for (const { from, to } of plot.spans ?? []) xs.push(...[from, to].filter((x) => fits(plot.x, x)))
  const x = new Scale(plot.x, xs, LEFT, LEFT + PLOT_WIDTH)
  const y = new Scale(plot.y, ys, TOP + PLOT_HEIGHT, TOP)
  const parts = [
    text(LEFT, 22, plot.title, 'font-size="15" font-weight="bold"'),
    ...(plot.spans ?? []).map((span) => spanOf(span, x)),
    ...gridOf(x, y),
    text(LEFT + PLOT_WIDTH / 2, HEIGHT - 12, plot.x.label, 'text-anchor="middle"'),
    text(
      0,
      0,
      plot.y.label,
      `text-anchor="middle" transform="translate(16 ${TOP + PLOT_HEIGHT / 2}) rotate(-90)"`,
    ),
    ...shown.flatMap((series, i) => linesOf(series, i, x, y)),
  ]
  const size = `width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"`
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="#fff"/>\n${parts.join('\n')}\n</svg>\n`
  )
}

/** From values to pixels. */
class Scale {
  readonly ticks: readonly number[]
  readonly #log: boolean
  readonly #low: number
  readonly #high: number
  readonly #from: number
  readonly #to: number

  constructor(axis: Axis, values: readonly number[], from: number, to: number) {
    this.#log = axis.scale === 'log'
    this.#from = from
    this.#to = to
    this.ticks = this.#log ? logTicks(values) : linearTicks(values)
    this.#low = this.#place(this.ticks[0] ?? 0)
    this.#high = this.#place(this.ticks.at(-1) ?? 1)
  }

  at(value: number): number {
    const share = (this.#place(value) - this.#low) / (this.#high - this.#low || 1)
    return round(this.#from + share * (this.#to - this.#from))
  }

  #place(value: number): number {
    return this.#log ? Math.log10(value) : value
  }
}

function fits(axis: Axis, value: number): boolean {
  return Number.isFinite(value) && (axis.scale === 'linear' || value > 0)
}

/** From at most zero to at least the greatest value, in steps of 1, 2 or 5 times a power of ten. */
export function linearTicks(values: readonly number[]): number[] {
  const low = Math.min(0, ...values)
  const high = Math.max(0, ...values) || 1
  const rough = (high - low) / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
  const first = Math.floor(low / step + 1e-9)
  const last = Math.ceil(high / step - 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) => round((first + i) * step))
}

/** Powers of ten around the values, or of two where a decade would be all. */
export function logTicks(values: readonly number[]): number[] {
  const low = Math.min(...values)
  const high = Math.max(...values)
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [1, 10]
  const base = high / low > 1000 ? 10 : high / low > 16 ? 4 : 2
  const log = (value: number) => Math.log(value) / Math.log(base)
  const first = Math.floor(log(low) + 1e-9)
  const last = Math.max(first + 1, Math.ceil(log(high) - 1e-9))
  return Array.from({ length: last - first + 1 }, (_, i) => base ** (first + i))
}

function gridOf(x: Scale, y: Scale): string[] {
  const bottom = TOP + PLOT_HEIGHT
  const down = x.ticks.map(
    (tick) =>
      line(x.at(tick), TOP, x.at(tick), bottom) +
      text(x.at(tick), bottom + 18, short(tick), 'text-anchor="middle"'),
  )
  const across = y.ticks.map(
    (tick) =>
      line(LEFT, y.at(tick), LEFT + PLOT_WIDTH, y.at(tick)) +
      text(LEFT - 8, y.at(tick) + 4, short(tick), 'text-anchor="end"'),
  )
  return [...down, ...across]
}

function spanOf({ from, to, label }: Span, x: Scale): string {
  const left = x.at(from)
  const width = round(Math.max(1, x.at(to) - left))
  const box = `x="${left}" y="${TOP}" width="${width}" height="${PLOT_HEIGHT}"`
  return `<rect ${box} fill="#000" opacity="0.08"/>${text(left + 4, TOP + 14, label, 'fill="#555"')}`
}

function linesOf(series: Series, i: number, x: Scale, y: Scale): string[] {
  const colour = COLOURS[i % COLOURS.length] ?? '#000'
  const dash = DASHES[Math.floor(i / COLOURS.length) % DASHES.length] ?? ''
  const stroke = `fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"`
  const points = series.points.map(([px, py]) => [x.at(px), y.at(py)] as const)
  const path = points.map(([px, py]) => `${px},${py}`).join(' ')
  // Marks only where they can be told apart.
  const marks = points.length > 60 ? [] : points
  const key = TOP + 14 + i * 20
  const left = LEFT + PLOT_WIDTH + 14
  return [
    `<polyline points="${path}" ${stroke}/>`,
    ...marks.map(([px, py]) => `<circle cx="${px}" cy="${py}" r="3" fill="${colour}"/>`),
    `<polyline points="${left},${key - 4} ${left + 22},${key - 4}" ${stroke}/>`,
    text(left + 28, key, series.name),
  ]
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#ddd"/>`
}

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${x}" y="${y}" ${more}>${escapeXml(content)}</text>`
}

function escapeXml(content: string): string {
  return content.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function short(value: number): string {
  if (value === 0) return '0'
  if (Math.abs(value) >= 1e6) return `${round(value / 1e6)} M`
  if (Math.abs(value) >= 1e4) return `${round(value / 1e3)} k`
  return String(Number(value.toPrecision(4)))
}

function round(value: number): number {
  return Number(value.toPrecision(6))
}
