/** What a daemon is made of: the log, and how its node is opened on the real world. */
import { systemHost } from '../adapters/system-host.ts'
import type { Libp2pMetrics } from '../adapters/libp2p-metrics.ts'
import { systemLog } from '../adapters/system-log.ts'
import type { NodeConfig } from '../node/config.ts'
import { openNode } from '../node/node.ts'
import type { Environment } from '../rpc/socket-path.ts'
import type { Log } from '../seams/log.ts'
import { LogLevels } from '../seams/log-levels.ts'
import type { Seams } from '../seams/seams.ts'
import type { DaemonNode } from './daemon.ts'
import { Cable, withCable } from './dev-cut.ts'
import { obeyDev } from './dev-orders.ts'
import { type Settings, startLevels } from './settings.ts'
import { noteSocket, withSocketOfOwner } from './socket-note.ts'
import { systemSeams } from './system-seams.ts'

export interface NodeParts {
  readonly log: Log
  readonly open: () => Promise<DaemonNode>
  /** What libp2p counts, as text; nothing unless metrics are served. */
  readonly libp2pText: () => Promise<string>
}

export async function nodeParts(settings: Settings, env: Environment): Promise<NodeParts> {
  const levels = new LogLevels(startLevels(settings))
  const log = systemLog({ levels })
  const { edge, data, socket } = settings
  const host = systemHost({ dataDir: edge ? null : data, socket })
  const libp2p = settings.metrics === null ? null : await libp2pMetrics()
  const seams = { ...seamsOf(log, env, libp2p), levels, host }
  const config = nodeConfig(settings)
  const open = () => openWithNote(config, seams, settings.socket)
  return { log, open, libp2pText: async () => (await libp2p?.text()) ?? '' }
}

/** Loaded only when somebody collects. */
async function libp2pMetrics(): Promise<Libp2pMetrics> {
  const { Libp2pMetrics: Loaded } = await import('../adapters/libp2p-metrics.ts')
  return new Loaded()
}

function seamsOf(log: Log, env: Environment, libp2p: Libp2pMetrics | null): Seams {
  const seams = systemSeams(log, libp2p?.factory)
  // Only `atoll dev` sets this, for its own children, together with the channel they obey.
  if (env['ATOLL_DEV'] !== '1' || process.send === undefined) return seams
  const cable = new Cable()
  obeyDev(cable)
  return withCable(seams, cable)
}

async function openWithNote(config: NodeConfig, seams: Seams, socket: string): Promise<DaemonNode> {
  const { dataDir } = config
  if (dataDir === null) return await openNode(config, seams)
  try {
    const node = await openNode(config, seams)
    noteSocket(dataDir, socket)
    return node
  } catch (error) {
    throw withSocketOfOwner(error, dataDir)
  }
}

function nodeConfig(settings: Settings): NodeConfig {
  const {
    edge,
    data,
    socket: _socket,
    init: _init,
    join: _join,
    logLevel: _level,
    metrics: _metrics,
    ...rest
  } = settings
  return { ...rest, dataDir: edge ? null : data }
}
