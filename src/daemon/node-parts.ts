/** What a daemon is made of: the log, and how its node is opened on the real world. */
import { systemLog } from '../adapters/system-log.ts'
import type { NodeConfig } from '../node/config.ts'
import { openNode } from '../node/node.ts'
import type { Environment } from '../rpc/socket-path.ts'
import type { Log } from '../seams/log.ts'
import type { DaemonNode } from './daemon.ts'
import { Cable, withCable } from './dev-cut.ts'
import { obeyDev } from './dev-orders.ts'
import type { Settings } from './settings.ts'
import { systemSeams } from './system-seams.ts'

export interface NodeParts {
  readonly log: Log
  readonly open: () => Promise<DaemonNode>
}

export function nodeParts(settings: Settings, env: Environment): NodeParts {
  const log = systemLog({ level: settings.logLevel })
  const seams = systemSeams(log)
  const config = nodeConfig(settings)
  // Only `atoll dev` sets this, for its own children, together with the channel they obey.
  if (env['ATOLL_DEV'] !== '1' || process.send === undefined) {
    return { log, open: () => openNode(config, seams) }
  }
  const cable = new Cable()
  obeyDev(cable)
  return { log, open: () => openNode(config, withCable(seams, cable)) }
}

function nodeConfig(settings: Settings): NodeConfig {
  const {
    edge,
    data,
    socket: _socket,
    init: _init,
    join: _join,
    logLevel: _level,
    ...rest
  } = settings
  return { ...rest, dataDir: edge ? null : data }
}
