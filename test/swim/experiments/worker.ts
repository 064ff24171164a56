/** A process that measures what it is told to, one case at a time, and answers with the result. */
import { experimentOf } from './experiments.ts'
import type { Answer, Job } from './pool.ts'

process.on('message', (job: Job) => {
  measure(job).then(
    (measured) => answer({ number: job.number, measured, error: null }),
    (error: unknown) => answer({ number: job.number, measured: null, error: String(error) }),
  )
})
// Nobody listens any more.
process.on('disconnect', () => process.exit())

async function measure({ experiment, of, seed }: Job): Promise<unknown> {
  return await experimentOf(experiment).measure(of, seed)
}

function answer(of: Answer): void {
  process.send?.(of)
}
