/** Experiments from their cases to their reports. */
import type { AnyExperiment, Report, Run, Scale } from './experiment.ts'
import type { Job } from './pool.ts'
import { measureAll } from './pool.ts'

export interface Result {
  readonly name: string
  readonly title: string
  readonly source: string
  readonly setUp: readonly string[]
  readonly runs: readonly Run<unknown, unknown>[]
  readonly report: Report
}

/**
 * Jobs of all experiments in one queue, so that no core idles at the end of each. The same seed names
 * the same chance in all cases of an experiment: variants meet the same misfortunes.
 */
export async function runAll(
  experiments: readonly AnyExperiment[],
  scale: Scale,
  seed: string,
  say: (text: string) => void,
): Promise<Result[]> {
  const jobs: Job[] = []
  // The last are the longest; first, they do not keep one core waiting for another at the end.
  for (const experiment of [...experiments].reverse()) {
    for (const of of experiment.cases(scale)) {
      for (let i = 0; i < experiment.seeds(scale); i++) {
        const number = jobs.length
        jobs.push({ number, experiment: experiment.name, of, seed: `${seed}/${i}` })
      }
    }
  }
  const measured = await measureAll(jobs, (done) => say(`${done} of ${jobs.length} runs`))
  return experiments.map((experiment) => {
    const runs = jobs
      .filter((job) => job.experiment === experiment.name)
      .map(({ number, of }) => ({ of, measured: measured[number] }))
    const { name, title, source, setUp } = experiment
    return { name, title, source, setUp, runs, report: experiment.report(runs) }
  })
}

/** Tiny experiments in this process: for the tests. */
export async function runHere(
  experiment: AnyExperiment,
  scale: Scale,
  seed: string,
): Promise<Report> {
  const runs: Run<unknown, unknown>[] = []
  for (const of of experiment.cases(scale)) {
    for (let i = 0; i < experiment.seeds(scale); i++) {
      runs.push({ of, measured: await experiment.measure(of, `${seed}/${i}`) })
    }
  }
  return experiment.report(runs)
}
