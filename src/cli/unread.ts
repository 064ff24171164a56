/**
 * Notices that nobody reads standard output any more (`| head -1`), for commands that may have nothing
 * to say for hours. A pipe tells that to who writes, or to who polls it.
 *
 * Node polls a pipe's end for writing only while a write waits, and offers no other way to poll a
 * descriptor. Its handle of TCP sockets polls whatever it is given and reads when the kernel reports
 * something: on an end for writing that is only ever an error, when the last reader has gone. The
 * handle is reached by `process.binding`, which is deprecated: where it is missing, the end is noticed
 * at the next write, as by any other program.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'

interface PolledHandle {
  open(fd: number): number
  readStart(): number
  unref(): void
  onread: () => void
}

interface TcpBinding {
  readonly TCP: new (type: number) => PolledHandle
  readonly constants: { readonly SOCKET: number }
}

/** Aborts when the pipe's last reader is gone; never of anything but a pipe. */
export function unreadSignal(fd: number): AbortSignal {
  const abort = new AbortController()
  try {
    if (fstatSync(fd).isFIFO()) poll(fd, () => abort.abort())
  } catch {
    // Then the next write tells.
  }
  return abort.signal
}

function poll(fd: number, onGone: () => void): void {
  const { TCP, constants: types } = tcpBinding()
  const handle = new TCP(types.SOCKET)
  // Opened anew: who shares the pipe must not find that it no longer blocks.
  const own = openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  if (handle.open(own) !== 0) return closeSync(own)
  handle.onread = onGone
  handle.readStart()
  handle.unref()
}

function tcpBinding(): TcpBinding {
  const { binding } = process as unknown as { readonly binding: (name: string) => unknown }
  return binding('tcp_wrap') as TcpBinding
}
