/** I10: whatever happens, one number stands for one topology, at every node and for ever. */
import type { LogFields } from '../../../src/seams/log.ts'
import { SimulationError } from '../kernel.ts'

export class TopologyChecker {
  readonly #hashes = new Map<number, string>()

  /** Numbers that anybody has learned. */
  get decided(): number {
    return this.#hashes.size
  }

  /** Fed with every line that any node logs. Throws SimulationError. */
  onLog(source: string, event: string, fields: LogFields | undefined): void {
    if (event === 'topology.conflict') {
      throw new SimulationError(`${source} met two topologies of one number`)
    }
    if (event !== 'topology.learned') return
    const number = Number(fields?.number)
    const hash = String(fields?.hash)
    const known = this.#hashes.get(number)
    this.#hashes.set(number, hash)
    if (known !== undefined && known !== hash) {
      throw new SimulationError(`${source} learned another topology ${number} than others did`)
    }
  }
}
