/**
 * How much each member should hold. Replicas are shared out by capacity, as water fills vessels:
 * nobody holds more than one replica of a partition, and what one cannot take the others do.
 *
 * Zones come first where they can: a zone that stores less than its part keeps some partitions
 * from being spread. So zones are filled before members, each up to what spreading asks for, and a
 * small zone is asked for at most ZONE_STRETCH times its share by capacity.
 */

/** What a member may hold above its share. */
export const LOAD_SLACK = 1.1
/** What a small zone may be asked to take beyond its share, so that partitions are spread. */
const ZONE_STRETCH = 1.5

export interface Vessel {
  /** 0 takes nothing. */
  readonly capacity: number
  readonly zone: string
}

/** Replicas that each member should hold, in the order given; fractions are meant. */
export function sharesOf(
  members: readonly Vessel[],
  partitions: number,
  replicasEach: number,
): number[] {
  const weights = weightsOf(members)
  const able = weights.filter((weight) => weight > 0).length
  const total = partitions * Math.min(replicasEach, able)
  const plain = fill(
    weights,
    weights.map(() => partitions),
    total,
  )
  const byZone = new Map<string, number>()
  for (const [index, { zone }] of members.entries()) {
    byZone.set(zone, (byZone.get(zone) ?? 0) + (plain[index] ?? 0))
  }
  if (byZone.size < 2) return plain
  const parts = [...byZone.values()]
  const perPartition = Math.ceil(Math.min(replicasEach, able) / byZone.size)
  const caps = parts.map((part) => Math.min(partitions * perPartition, part * ZONE_STRETCH))
  const spread = fill(parts, caps, total)
  // What spreading cannot place goes where capacity is, the stretch being the limit still.
  const headroom = parts.map((part, index) => part * ZONE_STRETCH - (spread[index] ?? 0))
  const rest = fill(parts, headroom, total - sum(spread))
  const scales = new Map<string, number>()
  for (const [index, zone] of [...byZone.keys()].entries()) {
    const part = parts[index] ?? 0
    const wanted = (spread[index] ?? 0) + (rest[index] ?? 0)
    scales.set(zone, part === 0 ? 0 : wanted / part)
  }
  const wanted = plain.map((share, index) => share * (scales.get(members[index]?.zone ?? '') ?? 0))
  return fill(
    wanted,
    wanted.map(() => partitions),
    total,
  )
}

/** The most that a member with this share may hold. */
export function boundOf(share: number, partitions: number): number {
  return Math.min(partitions, Math.max(0, Math.ceil(share * LOAD_SLACK - 1e-9)))
}

/** Capacities; when nobody has any, all are equal, since somebody has to hold the data. */
function weightsOf(members: readonly Vessel[]): number[] {
  const weights = members.map(({ capacity }) => capacity)
  return weights.some((weight) => weight > 0) ? weights : weights.map(() => 1)
}

/** Splits `total` by weight, nobody over his cap; what no cap can hold is left out. */
function fill(weights: readonly number[], caps: readonly number[], total: number): number[] {
  const parts = weights.map(() => 0)
  let open = weights.map((_, index) => index).filter((index) => (weights[index] ?? 0) > 0)
  let left = total
  while (open.length > 0 && left > 1e-9) {
    const weight = sum(open.map((index) => weights[index] ?? 0))
    const level = left / weight
    const full = open.filter((index) => level * (weights[index] ?? 0) >= (caps[index] ?? 0))
    for (const index of full.length > 0 ? full : open) {
      const part = full.length > 0 ? (caps[index] ?? 0) : level * (weights[index] ?? 0)
      parts[index] = part
      left -= part
    }
    if (full.length === 0) break
    const closed = new Set(full)
    open = open.filter((index) => !closed.has(index))
  }
  return parts
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
