/** All sections and systems, in the order in which they run. */
import type { Section, System } from './harness/section.ts'
import { channelSection } from './micro/channel.ts'
import { codecSection } from './micro/codec.ts'
import { logSection } from './micro/log.ts'
import { recordsSection } from './micro/records.ts'
import { thousandSection } from './micro/thousand.ts'
import { atoll } from './ours/atoll.ts'
import { bare } from './peers/bare.ts'
import { etcd } from './peers/etcd.ts'
import { nats } from './peers/nats.ts'
import { redis } from './peers/redis.ts'
import { zookeeper } from './peers/zookeeper.ts'
import { casSection, hotKeySection, lockSection } from './sections/compare-and-put.ts'
import { fanOutSection } from './sections/fan-out.ts'
import { detectionSection } from './sections/detection.ts'
import { failOverSection } from './sections/fail-over.ts'
import { idleSection } from './sections/idle.ts'
import { kadDhtSection } from './sections/kad-dht.ts'
import { metricsCostSection } from './sections/metrics-cost.ts'
import { packageIndexSection } from './sections/package-index.ts'
import { scalingSection } from './sections/scaling.ts'
import { healingSection, idleSyncSection } from './sections/sync.ts'
import { startUpSection } from './sections/start-up.ts'
import { readSection, writeSection } from './sections/store.ts'
import { valueSizesSection } from './sections/value-sizes.ts'

export const SYSTEMS: readonly System[] = [atoll, etcd, zookeeper, nats, redis, bare]

/** Those of the same systems stand together: systems go on from one to the next. */
export const SECTIONS: readonly Section[] = [
  writeSection,
  readSection,
  valueSizesSection,
  casSection,
  hotKeySection,
  lockSection,
  fanOutSection,
  packageIndexSection,
  detectionSection,
  failOverSection,
  startUpSection,
  idleSection,
  idleSyncSection,
  healingSection,
  kadDhtSection,
  scalingSection,
  metricsCostSection,
  codecSection,
  channelSection,
  logSection,
  recordsSection,
  thousandSection,
]
