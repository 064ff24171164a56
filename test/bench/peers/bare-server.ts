/**
 * One of three processes of the bare system: `bare-server.ts PORT LOG [FOLLOWER-PORT…]`.
 *
 * A write is appended to a log and answered after fdatasync, one for all that came meanwhile. The
 * first process sends it to its followers too, and answers when two of the three have it. It finds
 * nothing again, elects nobody, checks nothing: it is the limit of what sockets and disks give to
 * Node, not a store.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { frame, FrameWriter, readFrames } from './bare-frames.ts'
import { MAJORITY, WRITE } from './bare-protocol.ts'

const NOTHING = Buffer.alloc(0)

class GroupCommit {
  readonly #file: FileHandle
  #waiting: { readonly bytes: Buffer; readonly done: () => void }[] = []
  #running = false

  constructor(file: FileHandle) {
    this.#file = file
  }

  append(bytes: Buffer, done: () => void): void {
    this.#waiting.push({ bytes, done })
    if (this.#running) return
    this.#running = true
    setImmediate(() => {
      this.#run().catch((error: unknown) => {
        console.error(error)
        process.exit(1)
      })
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      await this.#file.write(Buffer.concat(group.map(({ bytes }) => bytes)))
      await this.#file.datasync()
      for (const { done } of group) done()
    }
    this.#running = false
  }
}

async function serve(port: number, path: string, followerPorts: readonly number[]): Promise<void> {
  const log = new GroupCommit(await open(path, 'a'))
  /** What waits for a majority: how many have it, and what to do then. */
  const pending = new Map<number, { count: number; readonly done: () => void }>()
  let next = 0
  let latest: Buffer = Buffer.alloc(0)
  const onAck = (id: number) => {
    const waiting = pending.get(id)
    if (waiting === undefined || ++waiting.count < MAJORITY) return
    pending.delete(id)
    waiting.done()
  }
  const followers = followerPorts.map((follower) => {
    const socket = connect(follower, '127.0.0.1').setNoDelay()
    readFrames(socket, onAck)
    return new FrameWriter(socket)
  })
  const server = createServer((socket) => {
    const answers = new FrameWriter(socket.setNoDelay())
    socket.on('error', () => socket.destroy())
    readFrames(socket, (id, kind, body) => {
      // A follower's word is enough: the value comes from the first.
      if (kind === WRITE && followers.length > 0) latest = body
      const done = () => answers.send(frame(id, kind, kind === WRITE ? NOTHING : latest))
      const local = next++
      const here = followers.length === 0 ? done : () => onAck(local)
      if (followers.length > 0) pending.set(local, { count: 0, done })
      for (const follower of followers) follower.send(frame(local, kind, body))
      // The chunk that the body is part of lives as long as it does.
      if (kind === WRITE) log.append(body, here)
      else here()
    })
  })
  server.listen(port, '127.0.0.1')
}

const [port, path, ...followers] = process.argv.slice(2)
await serve(Number(port), path ?? '', followers.map(Number))
