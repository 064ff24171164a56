/**
 * Versions of everything that peers say to each other after the hello. Both ends use the highest
 * that both speak. A field added at the end of a message needs no new version; anything else does.
 */
export const WIRE_VERSION_MIN = 1
export const WIRE_VERSION_MAX = 1

export interface VersionRange {
  readonly min: number
  readonly max: number
}

export const OWN_VERSIONS: VersionRange = { min: WIRE_VERSION_MIN, max: WIRE_VERSION_MAX }

/** The version to speak, or null when there is none in common. */
export function commonVersion(a: VersionRange, b: VersionRange): number | null {
  const version = Math.min(a.max, b.max)
  return version >= Math.max(a.min, b.min) ? version : null
}
