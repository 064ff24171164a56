/**
 * Cases measured in processes of their own, as many at a time as there are cores: each is one thread
 * of work, and the CPU time that some of them measure is that of their whole process.
 */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'

export interface Job {
  readonly number: number
  readonly experiment: string
  readonly of: unknown
  readonly seed: string
}

export interface Answer {
  readonly number: number
  readonly measured: unknown
  readonly error: string | null
}

const WORKERS_MAX = 4

/** The measurements in the order of the jobs. Rejects with the first failure, and ends all. */
export async function measureAll(
  jobs: readonly Job[],
  onDone: (done: number) => void,
): Promise<unknown[]> {
  const measured: unknown[] = Array.from({ length: jobs.length })
  const waiting = [...jobs]
  let done = 0
  const workers = Array.from(
    { length: Math.min(WORKERS_MAX, availableParallelism(), jobs.length) },
    () => fork(new URL('worker.ts', import.meta.url)),
  )
  const work = async (worker: ChildProcess): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const answer = await ask(worker, job)
      if (answer.error !== null) throw new Error(`${job.experiment}: ${answer.error}`)
      measured[answer.number] = answer.measured
      onDone(++done)
    }
  }
  try {
    await Promise.all(workers.map(work))
  } finally {
    for (const worker of workers) worker.kill()
  }
  return measured
}

function ask(worker: ChildProcess, job: Job): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`${job.experiment}: the process that measured it ended (${code})`))
    worker.once('exit', onExit)
    worker.once('message', (answer) => {
      worker.off('exit', onExit)
      resolve(answer as Answer)
    })
    worker.send(job)
  })
}
