/** Load on the machine: processes that do nothing but compute. */
import type { Child, Children } from '../harness/children.ts'

export function startBusyLoops(children: Children, count: number): Child[] {
  return Array.from({ length: count }, (_, i) =>
    children.spawn(`busy loop ${i + 1}`, process.execPath, ['-e', 'for (;;);'], {
      stdio: 'ignore',
    }),
  )
}

export async function stopBusyLoops(loops: readonly Child[]): Promise<void> {
  await Promise.all(loops.map((loop) => loop.signal('SIGKILL')))
}
