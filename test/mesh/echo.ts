/** Nodes that answer every request with its own body, and what is asked of them. */
import assert from 'node:assert/strict'
import { type ErrorCode, isAtollError, type Outcome } from '../../src/base/errors.ts'
import type { PeerEvidence, RequestHandler } from '../../src/mesh/mesh.ts'
import type { Machine, Running, World } from './world.ts'

export const ECHO = 1000
/** Free for a handler of the test's own. */
export const OTHER = 1001
export const TIMEOUT = { timeoutMs: 1000 }

export type Handlers = Readonly<Record<number, RequestHandler>>

export function startEcho(
  world: World,
  machine: Machine,
  handlers: Handlers = {},
): Promise<Running> {
  return world.start(machine, {
    before: (mesh) => {
      mesh.handle(ECHO, (_from, body) => body)
      for (const [kind, handler] of Object.entries(handlers)) mesh.handle(Number(kind), handler)
    },
  })
}

/** The first has the lower peer id; the second serves the handlers. */
export async function pair(world: World, handlers: Handlers = {}): Promise<[Running, Running]> {
  const [first, second] = world.machines('a', 'b') as [Machine, Machine]
  const one = await startEcho(world, first)
  const two = await startEcho(world, second, handlers)
  world.introduce(one, two)
  return [one, two]
}

export function kinds(evidence: readonly PeerEvidence[]): string[] {
  return evidence.map(({ kind }) => kind)
}

/** For `assert.rejects`. */
export function is(code: ErrorCode, outcome: Outcome, pattern = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isAtollError(error), String(error))
    assert.deepEqual([error.code, error.outcome], [code, outcome], error.message)
    assert.match(error.message, pattern)
    return true
  }
}
