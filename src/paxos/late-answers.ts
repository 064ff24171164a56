/**
 * What may yet come of an operation that was handed on: answers that did not come in time may come
 * later, and errors may say that it has perhaps happened. Whatever its caller is told takes both
 * into account.
 */
import { AtollError, isAtollError, withOutcome } from '../base/errors.ts'
import type { Outcome } from './fold.ts'

export class LateAnswers {
  #mayHaveHappened = false
  #error: AtollError | null = null
  readonly #answers: Promise<Outcome | AtollError>[] = []

  get mayHaveHappened(): boolean {
    return this.#mayHaveHappened
  }

  /** It did not come in time. */
  add(answer: Promise<Outcome | AtollError>): void {
    this.#mayHaveHappened = true
    this.#answers.push(answer)
  }

  /** Whoever was asked failed. */
  failed(error: AtollError): void {
    if (error.outcome !== 'not-applied') this.#mayHaveHappened = true
    this.#error = error
  }

  /** The first of them that is an outcome, or the error with what is known of the whole. */
  async orElse(error: AtollError): Promise<Outcome> {
    return this.orSooner(Promise.reject(this.#error ?? error))
  }

  async orSooner(own: Promise<Outcome>): Promise<Outcome> {
    const outcomes = this.#answers.map(async (answer) => {
      const result = await answer
      if (result instanceof AtollError) throw result
      // It did not do it, which says nothing of what is under way here.
      if (result.kind === 'overrun') throw new AtollError('BUSY', 'too much has happened since')
      return result
    })
    try {
      return await Promise.any([own, ...outcomes])
    } catch (cause) {
      const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause
      throw isAtollError(first) ? this.told(first) : first
    }
  }

  told(error: AtollError): AtollError {
    return this.#mayHaveHappened ? withOutcome(error, 'unknown') : error
  }
}
