/** Commands as a user types them, timed from the start of the process to its end. */
import { execFileSync } from 'node:child_process'
import { type Need, programNeed } from '../harness/needs.ts'
import { ATOLL } from '../ours/daemons.ts'

/** Where the servers of a run are. */
export interface Servers {
  readonly atollSocket: string
  readonly etcdEndpoint: string
}

export interface Command {
  readonly what: string
  /** Those of one setting are compared. */
  readonly setting: string
  readonly needs: readonly Need[]
  readonly program: string
  readonly args: (servers: Servers) => readonly string[]
}

const ETCDCTL = [programNeed('etcd', 'etcd-server'), programNeed('etcdctl', 'etcd-client')]
const VERSION = 'command: version'
const GET = 'command: get a key'

export const COMMANDS: readonly Command[] = [
  {
    what: 'atoll version',
    setting: VERSION,
    needs: [],
    program: process.execPath,
    args: () => [ATOLL, 'version'],
  },
  {
    // What no command that runs on Node can be faster than.
    what: 'node -e 0',
    setting: VERSION,
    needs: [],
    program: process.execPath,
    args: () => ['-e', '0'],
  },
  {
    what: 'etcdctl version',
    setting: VERSION,
    needs: ETCDCTL,
    program: 'etcdctl',
    args: () => ['version'],
  },
  {
    what: 'serf version',
    setting: VERSION,
    needs: [programNeed('serf', 'serf')],
    program: 'serf',
    args: () => ['version'],
  },
  {
    what: 'atoll kv get',
    setting: GET,
    needs: [],
    program: process.execPath,
    args: ({ atollSocket }) => [ATOLL, '--socket', atollSocket, 'kv', 'get', 'color'],
  },
  {
    what: 'etcdctl get',
    setting: GET,
    needs: ETCDCTL,
    program: 'etcdctl',
    args: ({ etcdEndpoint }) => ['--endpoints', etcdEndpoint, 'get', 'color'],
  },
]

export function timeOf({ program, args }: Command, servers: Servers): number {
  const startMs = performance.now()
  execFileSync(program, args(servers), {
    stdio: 'ignore',
    env: { ...process.env, ETCDCTL_API: '3' },
  })
  return performance.now() - startMs
}
