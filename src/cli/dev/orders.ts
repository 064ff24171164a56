/** What another terminal may ask of a throw-away mesh: a table of methods like the daemon's. */
import * as v from 'valibot'
import type { AnyMethod } from '../../rpc/method.ts'
import type { DevMesh } from './dev-mesh.ts'

export type Order = 'kill' | 'pause' | 'cut' | 'heal'

export const orderResult = v.object({
  nodes: v.array(v.string()),
  seenAfterMs: v.nullable(v.pipe(v.number(), v.integer())),
})

const params = v.strictObject({ name: v.exactOptional(v.string()) })

function order(name: Order): AnyMethod<DevMesh> {
  return {
    kind: 'call',
    name: `dev.${name}`,
    help: name,
    params,
    result: orderResult,
    errors: ['NOT_FOUND', 'CONFLICT'],
    changes: true,
    withinMs: null,
    cli: null,
    run: (mesh: DevMesh, given: v.InferOutput<typeof params>) =>
      name === 'heal' ? mesh.heal(given.name) : mesh.harm(name, given.name ?? ''),
  }
}

export function orderTable(): ReadonlyMap<string, AnyMethod<DevMesh>> {
  const orders = (['kill', 'pause', 'cut', 'heal'] as const).map(order)
  return new Map(orders.map((method) => [method.name, method]))
}
