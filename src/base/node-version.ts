/** Which Node.js is new enough. Read by an old one: plain code, and nothing imported. */

const MAJOR_MIN = 22
const MINOR_MIN = 18

/** What is wrong with this version; null when it will do. */
export function nodeTooOld(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > MAJOR_MIN || (major === MAJOR_MIN && minor >= MINOR_MIN)) return null
  return `atoll needs Node.js ${MAJOR_MIN}.${MINOR_MIN} or newer, this is ${version}`
}
