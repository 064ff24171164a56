/**
 * The doctor: gathers figures of this node, its machine and its cluster, and has each check judge
 * its own. What needs nobody else is answered although all others are gone, and everything ends by
 * the deadline.
 *
 * Cost: for a cluster of n one or two small requests to each member and one of n names, which sets
 * off as many from each, and as many address trials; beyond PEERS_MAX members a sample, so never more
 * than a hundred requests from any one node.
 */
import type { Clock } from '../../seams/clock.ts'
import { sleep } from '../../seams/clock.ts'
import type { HostFigures } from '../../seams/host.ts'
import { shuffled } from '../../seams/random.ts'
import type { Storage } from '../../seams/storage.ts'
import { VERSION } from '../../base/version.ts'
import { isAtollError } from '../../base/errors.ts'
import { CLUSTER_FILE } from '../cluster-file.ts'
import { IDENTITY_FILE } from '../identity.ts'
import type { SelfWatch } from '../watch/self-watch.ts'
import type { CallOptions } from '../../store/api.ts'
import type { Diagnosis, Finding } from '../watch-api.ts'
import { checkClocks } from './check-clock.ts'
import { checkDial } from './check-dial.ts'
import { checkOpenFiles, checkPermissions, checkSpace } from './check-host.ts'
import { checkLoop, checkSiblings, checkSync, checkVersions } from './check-self.ts'
import { checkQuorum } from './check-quorum.ts'
import { checkReach } from './check-reach.ts'
import { type ClusterView, examineCluster, type ClusterFigures } from './cluster-figures.ts'
import { type DiskProbe, probeDisk } from './disk-probe.ts'
import { fail, warn, worst } from './finding.ts'

const DEADLINE_MS = 5000
/** Part of the deadline after which what has not come is not waited for. */
const SHARE = 0.8
const SECRETS = [IDENTITY_FILE, CLUSTER_FILE]

export interface DoctorParts {
  readonly watch: SelfWatch
  /** null on a node without a disk. */
  readonly storage: Storage | null
}

export class Doctor {
  readonly #parts: DoctorParts
  readonly #clock: Clock
  /** The measurement uses one file: those who ask meanwhile wait for its figures. */
  #probing: Promise<DiskProbe | { readonly error: string }> | null = null
  readonly #ends = new AbortController()

  constructor(parts: DoctorParts) {
    this.#parts = parts
    this.#clock = parts.watch.seams.clock
  }

  /** `cluster` null: the node belongs to none yet. */
  async examine(
    cluster: ClusterView | null,
    { deadlineMs = DEADLINE_MS }: CallOptions = {},
  ): Promise<Diagnosis> {
    const startMs = this.#clock.monotonicMs()
    const limitMs = Math.min(deadlineMs, DEADLINE_MS) * SHARE
    const [host, disk, figures] = await Promise.all([
      this.#look(limitMs),
      this.#probe(limitMs),
      cluster === null ? null : this.#examineCluster(cluster, limitMs),
    ])
    const findings = [
      ...(figures === null ? [unclaimed()] : ofCluster(figures)),
      ...this.#ofProcess(disk, figures),
      ...ofHost(host, figures),
    ]
    return {
      severity: worst(findings),
      tookMs: Math.round(this.#clock.monotonicMs() - startMs),
      asked: figures?.asked ?? 0,
      members: figures === null ? 0 : figures.reach.members.length + 1,
      findings,
    }
  }

  /** Those that wait are answered with what there is; resolves when the disk is left alone. */
  async stop(): Promise<void> {
    this.#ends.abort()
    await this.#probing
  }

  #examineCluster(cluster: ClusterView, limitMs: number): Promise<ClusterFigures> {
    const { random } = this.#parts.watch.seams
    return examineCluster(cluster, this.#clock, limitMs, (items) => shuffled(random, items))
  }

  async #look(limitMs: number): Promise<HostFigures | { readonly error: string } | null> {
    const { host } = this.#parts.watch.seams
    if (host === undefined) return null
    return this.#inTime(host.look(SECRETS), limitMs)
  }

  async #probe(limitMs: number): Promise<DiskProbe | { readonly error: string } | null> {
    const { storage } = this.#parts
    if (storage === null) return null
    // A disk that hangs is waited for by one measurement, however often the doctor comes.
    this.#probing ??= this.#caught(probeDisk(storage, this.#clock)).finally(() => {
      this.#probing = null
    })
    return this.#inTime(this.#probing, limitMs)
  }

  async #inTime<T>(
    work: Promise<T | { readonly error: string }>,
    limitMs: number,
  ): Promise<T | { readonly error: string }> {
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.#ends.signal])
    const late = sleep(this.#clock, limitMs, signal).then(
      () => ({ error: `no answer in ${Math.round(limitMs)} ms` }),
      () => ({ error: 'the node stops' }),
    )
    try {
      return await Promise.race([this.#caught(work), late])
    } finally {
      over.abort()
    }
  }

  async #caught<T>(
    work: Promise<T | { readonly error: string }>,
  ): Promise<T | { readonly error: string }> {
    try {
      return await work
    } catch (error) {
      return { error: isAtollError(error) ? `${error.code}: ${error.message}` : String(error) }
    }
  }

  #ofProcess(
    disk: DiskProbe | { readonly error: string } | null,
    figures: ClusterFigures | null,
  ): Finding[] {
    const { syncs, loop } = this.#parts.watch
    return [
      ...checkVersions(VERSION, figures?.versions ?? [], figures?.older ?? []),
      ...(disk === null ? [] : checkSync(disk, syncs.figures())),
      ...checkLoop(loop.lag()),
      ...checkSiblings(figures?.withSiblings ?? 0),
    ]
  }
}

function unclaimed(): Finding {
  const fix = 'found one with: atoll init, or join one with: atoll join TICKET'
  return warn('quorum', 'this daemon belongs to no cluster yet', fix)
}

export function ofCluster({ quorum, reach, dial, clocks }: ClusterFigures): Finding[] {
  const first = checkQuorum(quorum)
  // Nobody answers one that was removed: to say that they are down would mislead.
  if (quorum !== null && quorum.removed !== null) return first
  return [...first, ...checkReach(reach), ...checkDial(dial), ...checkClocks(clocks)]
}

function ofHost(
  host: HostFigures | { readonly error: string } | null,
  figures: ClusterFigures | null,
): Finding[] {
  if (host === null) return []
  if ('error' in host) {
    return [fail('machine', `its figures cannot be read: ${host.error}`, 'see the error')]
  }
  const members = figures === null ? 1 : figures.reach.members.length + 1
  return [
    ...checkSpace(host.disk),
    ...checkPermissions(host.paths),
    ...checkOpenFiles(host.openFiles, members),
  ]
}
