/** `dev`: brings a throw-away mesh up, keeps it until Ctrl-C, and takes it down again. */
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { AtollError } from '../../base/errors.ts'
import { connectClient } from '../../rpc/connect-client.ts'
import { RpcServer } from '../../rpc/server.ts'
import { listenPrivately } from '../../rpc/unix-socket.ts'
import type { Log } from '../../seams/log.ts'
import type { CommandContext } from '../command.ts'
import { type Contexts, readContexts, writeContexts } from '../contexts.ts'
import { formatDuration } from '../duration.ts'
import { DevMesh } from './dev-mesh.ts'
import { orderTable } from './orders.ts'

const PREFIX = 'dev/'

export interface Ready {
  readonly readyMs: number
  readonly nodes: readonly string[]
  readonly toleratesFailures: number
  readonly context: string
  readonly directory: string
}

export async function runDev(context: CommandContext, nodes: number): Promise<void> {
  const { output, env, atolld, program } = context
  const before = await withoutOldMesh(readContexts(env))
  const interrupted = context.interrupted()
  const onNote = (text: string) => output.note(text)
  const mesh = new DevMesh({ nodes, atolld, env, onNote })
  const control = join(mesh.directory, 'control.sock')
  const log: Log = {
    allows: (level) => level !== 'debug',
    write: (_level, event) => output.note(event),
  }
  const server = new RpcServer({ methods: orderTable(), target: mesh, log })
  const listener = await listenPrivately(control, (socket) => server.accept(socket))
  try {
    // Known before it is ready: should this process be killed, the next one finds what to remove.
    const contexts = withMesh(before, mesh, control)
    writeContexts(env, { ...contexts, current: before.current })
    const toleratesFailures = await Promise.race([mesh.start(), cancelled(interrupted)])
    writeContexts(env, contexts)
    const names = mesh.nodes.map(({ name }) => name)
    const ready: Ready = {
      // From the start of this process.
      readyMs: Math.round(performance.now()),
      nodes: names,
      toleratesFailures,
      context: `${PREFIX}${names[0] ?? ''}`,
      directory: mesh.directory,
    }
    output.result(ready, { human: (now) => readyText(now, program) })
    await cancelled(interrupted).catch(() => undefined)
  } catch (error) {
    if (!interrupted.aborted) throw error
  } finally {
    listener.close()
    await mesh.end()
    await server.close(0)
    writeContexts(env, before)
  }
}

export function readyText(ready: Ready, program: string): string {
  const { readyMs, nodes, toleratesFailures, context } = ready
  const failures = `${toleratesFailures} failure${toleratesFailures === 1 ? '' : 's'}`
  const [, second] = nodes
  const other = nodes.at(-1) ?? ''
  // The package's other name is the only one that npx finds.
  const atoll = program === 'atolld' ? 'atoll' : program
  return [
    `ready in ${formatDuration(readyMs)} · ${nodes.join(' ')} · tolerates ${failures} · context ${context}`,
    '',
    'In another terminal (where atoll is not installed: npx atoll …):',
    `  ${atoll} kv put color blue`,
    ...(second === undefined
      ? [`  ${atoll} kv get color`]
      : [
          `  ${atoll} --at ${other} kv get color`,
          `  ${atoll} reg set cfg v1`,
          `  ${atoll} dev kill ${second} && ${atoll} member ls`,
          `  ${atoll} dev heal`,
        ]),
    '',
    'Ctrl-C ends and removes it.',
    '',
  ].join('\n')
}

function withMesh({ contexts }: Contexts, mesh: DevMesh, control: string): Contexts {
  const added = mesh.nodes.map(({ name, socket }) => [`${PREFIX}${name}`, { socket, control }])
  const current = `${PREFIX}${mesh.nodes[0]?.name ?? ''}`
  return { current, contexts: { ...contexts, ...Object.fromEntries(added) } }
}

/** The contexts as they were, without those of a mesh whose process died; one that lives stays. */
async function withoutOldMesh({ current, contexts }: Contexts): Promise<Contexts> {
  const entries = Object.entries(contexts)
  for (const { control } of new Set(entries.map(([, entry]) => entry))) {
    if (control === undefined) continue
    const client = await connectClient(control).catch(() => null)
    if (client !== null) {
      await client.close()
      throw new AtollError('ADDRESS_IN_USE', 'a throw-away mesh is running already', {
        hint: 'end it with Ctrl-C in its terminal',
      })
    }
    const directory = dirname(control)
    if (dirname(directory) === tmpdir() && basename(directory).startsWith('atoll-dev-')) {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  const kept = Object.fromEntries(entries.filter(([, entry]) => entry.control === undefined))
  return {
    current: current !== null && Object.hasOwn(kept, current) ? current : null,
    contexts: kept,
  }
}

function cancelled(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = () => reject(new AtollError('CANCELLED', 'interrupted'))
    if (signal.aborted) fail()
    signal.addEventListener('abort', fail, { once: true })
  })
}
