/** `npm run bench`: see README.md beside this file. */
import { randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Arguments, parseArguments, USAGE, UsageError } from './harness/arguments.ts'
import { Children } from './harness/children.ts'
import { clientVersions, installClients } from './harness/clients.ts'
import { environmentOf, versionOf } from './harness/environment.ts'
import type { Section, System } from './harness/section.ts'
import { missingText, runSections, selected } from './harness/run.ts'
import { SECTIONS, SYSTEMS } from './sections.ts'

async function main(): Promise<number> {
  const names = [...SECTIONS, ...SYSTEMS].map(({ name }) => name)
  const given = parseArguments(process.argv.slice(2), names, randomInt(2 ** 32))
  if (given.help) console.log(USAGE)
  else if (given.list) list()
  else return await run(given)
  return 0
}

async function run(given: Arguments): Promise<number> {
  const { sections, systems } = selected(SECTIONS, SYSTEMS, given.only)
  const used = systems.filter(({ name }) => sections.some((each) => each.systems.includes(name)))
  const missing = missingText([...sections, ...used].flatMap(({ needs }) => needs))
  if (missing !== '') console.log(`${missing}\n`)
  const clients = used.some((each) => each.clients.length > 0) ? installClients() : null
  if (clients !== null) {
    console.error(clients)
    return 1
  }
  const outDir = resolve(given.outDir ?? join(tmpdir(), 'bench-results', stamp()))
  const children = new Children()
  children.endWithProcess()
  const { sections: results } = await runSections({
    sections,
    systems,
    environment: environmentOf(given.seed, given.quick, versionsOf(used, sections)),
    outDir,
    profile: given.profile,
    children,
    print: (text) => console.log(text),
    say: (text) => console.error(`… ${text}`),
  })
  console.log(`\nresults: ${outDir}`)
  return results.some(({ failure }) => failure?.startsWith('failed')) ? 1 : 0
}

/** Of all that takes part, and of the packages by which it is spoken to. */
function versionsOf(systems: readonly System[], sections: readonly Section[]) {
  const clients = clientVersions()
  const versions: Record<string, string> = {}
  for (const system of systems) {
    if (missingText(system.needs) !== '') continue
    const version = system.version()
    if (version !== null) versions[system.name] = version
    for (const name of system.clients) versions[name] = clients[name] ?? ''
  }
  const serf = versionOf('serf', ['--version'], / v(\S+)/)
  if (serf !== null && sections.some(({ needs }) => needs.some(({ name }) => name === 'serf'))) {
    versions['serf'] = serf
  }
  return versions
}

function list(): void {
  for (const { name, title, needs, systems } of SECTIONS) {
    const on = systems.length === 0 ? '' : ` (${systems.join(', ')})`
    console.log(`${name.padEnd(14)} ${title}${on}${suffix(missingText(needs))}`)
  }
  console.log()
  for (const { name, title, needs } of SYSTEMS) {
    console.log(`${name.padEnd(14)} ${title}${suffix(missingText(needs))}`)
  }
}

function suffix(missing: string): string {
  return missing === '' ? '' : ` · ${missing}`
}

function stamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '-')
}

main().then(
  // Connections of clients that do not know how to end must not keep it alive.
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof UsageError ? `${error.message}\n${USAGE}` : error)
    process.exit(error instanceof UsageError ? 2 : 1)
  },
)
