import { networkContract } from './network.contract.ts'
import { onLoopback } from '../adapters/loopback.ts'

networkContract('libp2p', onLoopback)
