/** Single servers on a directory each, to be started, asked whether they are ready, and ended. */
import { join } from 'node:path'
import { connect } from 'node:net'
import type { Child, Children } from '../harness/children.ts'
import { type Need, programNeed } from '../harness/needs.ts'
import { Daemon } from '../ours/daemons.ts'

export interface Server {
  spawn(): void
  /** Resolves to true once it serves; false or a rejection: ask again. */
  ready(): Promise<boolean>
  signal(signal: NodeJS.Signals): Promise<void>
}

export interface ServerKind {
  readonly what: string
  readonly needs: readonly Need[]
  /** On an empty directory. */
  create(children: Children, dir: string): Promise<Server>
}

const atoll: ServerKind = {
  what: 'atolld --init',
  needs: [],
  create: async (children, dir) => {
    const daemon = new Daemon(children, dir, 'n1', await children.freePort())
    return {
      spawn: () => daemon.start(['--init']),
      ready: async () => (await daemon.call<{ state: string }>('status')).state === 'running',
      signal: (signal) => daemon.signal(signal),
    }
  },
}

const etcd: ServerKind = {
  what: 'etcd, one member',
  needs: [programNeed('etcd', 'etcd-server')],
  create: async (children, dir) => {
    const [client, peer] = (await children.freePorts(2)).map((port) => `http://127.0.0.1:${port}`)
    const args = Object.entries({
      'data-dir': join(dir, 'data'),
      'listen-client-urls': client ?? '',
      'advertise-client-urls': client ?? '',
      'listen-peer-urls': peer ?? '',
      'initial-advertise-peer-urls': peer ?? '',
      'initial-cluster': `default=${peer}`,
      'log-level': 'error',
      logger: 'zap',
    }).flatMap(([flag, value]) => [`--${flag}`, value])
    return spawned(children, 'etcd', args, async () => {
      const response = await fetch(`${client}/health`)
      return ((await response.json()) as { readonly health: string }).health === 'true'
    })
  },
}

const redis: ServerKind = {
  what: 'redis-server, appendfsync always',
  needs: [programNeed('redis-server', 'redis-server')],
  create: async (children, dir) => {
    const port = await children.freePort()
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '']
    args.push('--appendonly', 'yes', '--appendfsync', 'always')
    return spawned(children, 'redis-server', args, async () =>
      (await answerTo(port, 'PING\r\n')).startsWith('+PONG'),
    )
  },
}

const serf: ServerKind = {
  what: 'serf agent',
  needs: [programNeed('serf', 'serf')],
  create: async (children, dir) => {
    const [bind, rpc] = await children.freePorts(2)
    const args = ['agent', '-node=s1', `-bind=127.0.0.1:${bind}`, `-rpc-addr=127.0.0.1:${rpc}`]
    args.push(`-snapshot=${join(dir, 'snapshot')}`)
    return spawned(children, 'serf', args, async () => {
      await answerTo(rpc ?? 0, null)
      return true
    })
  },
}

export const SERVERS: readonly ServerKind[] = [atoll, etcd, redis, serf]

function spawned(
  children: Children,
  program: string,
  args: readonly string[],
  ready: () => Promise<boolean>,
): Server {
  let child: Child | null = null
  return {
    spawn: () => {
      child = children.spawn(program, program, args)
    },
    ready,
    signal: async (signal) => child?.signal(signal),
  }
}

/** What a port answers first; with null for a request: that it takes the connection. */
function answerTo(port: number, request: string | null): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const end = (answer: string) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed')))
    socket.once('data', (chunk) => end(chunk.toString()))
    socket.once('connect', () => {
      if (request === null) end('')
      else socket.write(request)
    })
  })
}
