/** The experiments, in the order in which they are reported. */
import type { AnyExperiment } from './experiment.ts'
import { anyExperiment } from './experiment.ts'
import { crash } from './crash.ts'
import { detection } from './detection.ts'
import { falsePositives } from './false-positives.ts'
import { firstDetection } from './first-detection.ts'
import { probeRounds } from './probe-rounds.ts'
import { size } from './size.ts'
import { spread } from './spread.ts'
import { standstill } from './standstill.ts'
import { thousand } from './thousand.ts'

export const EXPERIMENTS: readonly AnyExperiment[] = [
  anyExperiment(firstDetection),
  anyExperiment(probeRounds),
  anyExperiment(spread),
  anyExperiment(size),
  anyExperiment(falsePositives),
  anyExperiment(standstill),
  anyExperiment(detection),
  anyExperiment(crash),
  anyExperiment(thousand),
]

export function experimentOf(name: string): AnyExperiment {
  const found = EXPERIMENTS.find((each) => each.name === name)
  if (found === undefined) throw new RangeError(`no experiment ${name}`)
  return found
}
