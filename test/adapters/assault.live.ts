/** Connections that go wrong in every way: afterwards the peer is there as before, for its peers. */
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import { dial } from '../contract/network.contract.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { assault, STAGES } from './assault.ts'
import { loopbackConfig, onLoopback, until } from './loopback.ts'
import { rawPeer } from './raw-peer.ts'

const ROUNDS = 20
const AT_ONCE = 12

describe('assaults', () => {
  it('on the handshakes of a peer and on its connections leave it as it was', async () => {
    const seed = String(Date.now())
    await onLoopback(async (world) => {
      const peer = await world.start()
      const { components } = (await rawPeer(world, 900)).libp2p as unknown as {
        readonly components: NoiseComponents
      }
      const port = Number((peer.network.addresses()[0] ?? '').split('/')[4])
      const target = { port, networkKey: loopbackConfig(1).networkKey, components }
      const assailant = async (number: number): Promise<void> => {
        for (let round = 0; round < ROUNDS; round++) {
          const random = new SimRandom(`${seed}/${number}/${round}`)
          const stage = STAGES[random.int(STAGES.length)] ?? 'nothing'
          await assault(target, stage, random)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, (_, number) => assailant(number)))
      const ear = await dial(await world.start(), peer)
      ear.send('as before')
      const heard = (): boolean => peer.accepted.some(({ texts }) => texts[0] === 'as before')
      await until('it is heard', heard)
    }).catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause })
    })
  }).timeout(60_000)
})
