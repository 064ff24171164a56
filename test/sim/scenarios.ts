/** All scenarios, by name. */
import type { Scenario } from './scenario.ts'
import { links } from './scenarios/links.ts'
import { members } from './scenarios/members.ts'

export const SCENARIOS: readonly Scenario[] = [links, members]

/** What `npm run sim` runs without `--scenario`. */
export const DEFAULT_SCENARIO = 'links'
