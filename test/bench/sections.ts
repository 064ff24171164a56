/** All sections and systems, in the order in which they run. */
import type { Section, System } from './harness/section.ts'
import { channelSection } from './micro/channel.ts'
import { codecSection } from './micro/codec.ts'
import { atoll } from './ours/atoll.ts'
import { detectionSection } from './sections/detection.ts'
import { packageIndexSection } from './sections/package-index.ts'
import { readSection, writeSection } from './sections/store.ts'

export const SYSTEMS: readonly System[] = [atoll]

/** Those of the same systems stand together: systems go on from one to the next. */
export const SECTIONS: readonly Section[] = [
  writeSection,
  readSection,
  packageIndexSection,
  detectionSection,
  codecSection,
  channelSection,
]
