/**
 * atolld as a process: reads its settings, runs a daemon, and turns signals and failures into an
 * orderly end with the exit status of the table of errors.
 *
 * SIGTERM and SIGINT stop quickly and stay a member; a second one exits at once.
 */
import { AtollError, ERRORS, isAtollError } from '../base/errors.ts'
import type { NodeApi } from '../node/api.ts'
import { asAtollError, errorLine } from '../rpc/error-line.ts'
import { checkSocketPath, type Environment } from '../rpc/socket-path.ts'
import { readSecret } from '../rpc/text-source.ts'
import type { Log } from '../seams/log.ts'
import { VERSION } from '../base/version.ts'
import { Daemon, type DaemonEnd, type DaemonOptions } from './daemon.ts'
import { collectWhenIdle } from './idle-memory.ts'
import { daemonHelp } from './help.ts'
import { parseMetricsAddress } from './metrics-address.ts'
import { resolveSettings } from './resolve-settings.ts'
import type { Settings } from './settings.ts'
import { notifyReady } from './systemd.ts'

/** Closing takes this long at most; then the process ends regardless, which loses nothing durable. */
const STOP_MS = 5000
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Runs until the daemon ends; resolves with the exit status. */
export async function runDaemon(argv: readonly string[], env: Environment): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) return say(daemonHelp())
  if (argv.includes('--version')) return say(`${VERSION}\n`)
  try {
    const { settings } = resolveSettings(argv, env)
    checkTogether(settings)
    return await run(settings, env)
  } catch (error) {
    return report(asAtollError(error))
  }
}

async function run(settings: Settings, env: Environment): Promise<number> {
  const stopped = stopSignal()
  // Loaded late: a wrong flag is told without waiting for libp2p.
  const { nodeParts } = await import('./node-parts.ts')
  const { log, open, libp2pText } = await nodeParts(settings, env)
  watchDefects((error) => log.write('error', 'daemon.defect', { error: error.stack ?? '' }))
  const { socket } = settings
  const serveMetrics = metricsServer(settings, log, libp2pText)
  const daemon = new Daemon({
    socket,
    log,
    open,
    claim: claimOf(settings),
    intended: intendedBy(settings),
    serveMetrics,
  })
  const started = daemon.start()
  let stopCollecting = (): void => {}
  let cameUp = true
  try {
    const early = await Promise.race([started.then(() => null), stopped])
    if (early === null) {
      notifyReady(env, log)
      stopCollecting = collectWhenIdle()
      const end = await Promise.race([daemon.ended, stopped])
      return typeof end === 'string' ? 0 : statusOf(end)
    }
    // Stopped while starting: what is half up is brought down.
    started.catch(() => undefined)
    return 0
  } catch (error) {
    cameUp = false
    throw error
  } finally {
    stopCollecting()
    await stopInTime(daemon)
    // One that never came up is told about by its error alone.
    if (cameUp) log.write('info', 'daemon.stopped')
  }
}

function statusOf(end: DaemonEnd): number {
  return end.kind === 'left' ? 0 : report(end.error)
}

/** Resolves at the first signal; the second ends the process. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let signals = 0
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (signals++ > 0) process.exit(1)
        resolve(signal)
      })
    }
  })
}

async function stopInTime(daemon: Daemon): Promise<void> {
  const late = Promise.withResolvers<void>()
  // Keeps the process alive: an end by an empty event loop would look like a crash.
  const timer = setTimeout(late.resolve, STOP_MS)
  await Promise.race([daemon.stop().catch(() => undefined), late.promise])
  clearTimeout(timer)
}

/** After a defect nothing is known of this process's memory; the disk is made for a sudden end. */
function watchDefects(log: (error: Error) => void): void {
  process.on('uncaughtException', (error) => {
    log(error)
    process.stderr.write(`${errorLine(asAtollError(error), false)}\n`)
    process.exit(ERRORS.INTERNAL.exit)
  })
}

/** HTTP is loaded only by a daemon that serves it. */
function metricsServer(
  { metrics }: Settings,
  log: Log,
  more: () => Promise<string>,
): DaemonOptions['serveMetrics'] {
  const address = metrics === null ? null : parseMetricsAddress(metrics)
  if (address === null) return null
  return async (own) => {
    const { openMetricsEndpoint } = await import('./metrics-endpoint.ts')
    const text = async () => (await own()) + (await more())
    return await openMetricsEndpoint({ address, text, log })
  }
}

function claimOf({ init, join }: Settings): ((node: NodeApi) => Promise<unknown>) | null {
  if (init) return (node) => node.init()
  // The ticket is read only when it is needed: its file may be gone at a later start.
  return join === null ? null : (node) => node.join(readSecret(join))
}

/** Of a ticket that can still be read; standard input may never end. */
function intendedBy({ join }: Settings): DaemonOptions['intended'] {
  if (join === null || join === '-') return null
  return async () => {
    const { decodeTicket } = await import('../mesh/ticket.ts')
    try {
      return decodeTicket(readSecret(join)).clusterId
    } catch (error) {
      if (isAtollError(error)) return null
      throw error
    }
  }
}

/** What can be told before anything is loaded. */
function checkTogether({ init, join, edge, socket }: Settings): void {
  checkSocketPath(socket)
  if (init && join !== null) {
    throw new AtollError('CONFIG_INVALID', 'init and join exclude each other')
  }
  if (init && edge) throw new AtollError('CONFIG_INVALID', 'an edge keeps no data to found with')
}

function report(error: AtollError): number {
  process.stderr.write(`${errorLine(error, false)}\n`)
  return ERRORS[error.code].exit
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}
