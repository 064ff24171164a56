/**
 * Tells systemd that the daemon is ready (`Type=notify`). The message is a datagram on a unix
 * socket, which Node cannot send, so systemd's own `systemd-notify` sends it; the unit needs
 * `NotifyAccess=all`. Without NOTIFY_SOCKET nothing happens.
 */
import { spawn } from 'node:child_process'
import type { Environment } from '../rpc/socket-path.ts'
import type { Log } from '../seams/log.ts'

export function notifyReady(env: Environment, log: Log): void {
  if (!env['NOTIFY_SOCKET']) return
  const args = ['--ready', `--pid=${process.pid}`]
  const child = spawn('systemd-notify', args, { stdio: 'ignore' })
  child.on('error', (error) => log.write('warn', 'systemd.not-notified', { why: error.message }))
  child.on('exit', (code) => {
    if (code !== 0) log.write('warn', 'systemd.not-notified', { why: `exit status ${code}` })
  })
  child.unref()
}
