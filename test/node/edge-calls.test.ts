/** The calls that are tried on edges are all that there are. */
import assert from 'node:assert/strict'
import { METHODS } from '../../src/rpc/methods.ts'
import { EDGE_CALLS } from './edge-calls.ts'

describe('calls on an edge', () => {
  it('are all of the store and of the registers: whoever adds one tries it there', () => {
    const ours = Object.keys(METHODS).filter((name) => /^(kv|reg)\.|^explain$/.test(name))
    assert.deepEqual([...EDGE_CALLS.keys()].sort(), ours.sort())
  })
})
