/** All scenarios, by name. */
import type { Scenario } from './scenario.ts'
import { blackout } from './scenarios/blackout.ts'
import { clocks } from './scenarios/clocks.ts'
import { disk } from './scenarios/disk.ts'
import { edges } from './scenarios/edges.ts'
import { graves } from './scenarios/graves.ts'
import { links } from './scenarios/links.ts'
import { members } from './scenarios/members.ts'
import { returns } from './scenarios/returns.ts'
import { rolling } from './scenarios/rolling.ts'
import { roots } from './scenarios/roots.ts'
import { split } from './scenarios/split.ts'
import { swarm } from './scenarios/swarm.ts'
import { wipe } from './scenarios/wipe.ts'

export const SCENARIOS: readonly Scenario[] = [
  swarm,
  split,
  blackout,
  disk,
  wipe,
  returns,
  clocks,
  roots,
  members,
  links,
  graves,
  edges,
  rolling,
]

/** What `npm run sim` runs without `--scenario`. */
export const DEFAULT_SCENARIO = 'swarm'
