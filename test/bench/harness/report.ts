/** Where a section writes down what it measured. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ratio, Row, SectionResult } from './results.ts'
import { ratioOf } from './results.ts'

export class Report {
  readonly #outDir: string
  readonly #name: string
  readonly #title: string
  readonly #notes: string[] = []
  readonly #rows: Row[] = []
  readonly #ratios: Ratio[] = []
  readonly #files: string[] = []

  constructor(section: { readonly name: string; readonly title: string }, outDir: string) {
    this.#name = section.name
    this.#title = section.title
    this.#outDir = outDir
  }

  row(row: Row): Row {
    this.#rows.push(row)
    return row
  }

  /** One ratio for each of the figures that both rows have. */
  ratios(ours: Row, theirs: Row, figures: readonly string[]): void {
    for (const name of figures) {
      const ratio = ratioOf(name, ours, theirs)
      if (ratio !== null) this.#ratios.push(ratio)
    }
  }

  /** What a reader must know beside the numbers. Said once. */
  note(text: string): void {
    if (!this.#notes.includes(text)) this.#notes.push(text)
  }

  /** A plot or other text beside the results, as SECTION-name. */
  file(name: string, text: string): void {
    const file = `${this.#name}-${name}`
    writeFileSync(join(this.#outDir, file), text)
    this.#files.push(file)
  }

  result(seconds: number, failure: string | null): SectionResult {
    return {
      name: this.#name,
      title: this.#title,
      seconds,
      failure,
      notes: this.#notes,
      rows: this.#rows,
      ratios: this.#ratios,
      files: this.#files,
    }
  }
}
