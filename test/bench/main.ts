/** `npm run bench`: see README.md beside this file. */
import { randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Arguments, parseArguments, USAGE, UsageError } from './harness/arguments.ts'
import { Children } from './harness/children.ts'
import { clientVersions, installClients } from './harness/clients.ts'
import { environmentOf } from './harness/environment.ts'
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

/** Naming one peer compares ours with it, so ours always runs. */
async function run(given: Arguments): Promise<number> {
  const sections = selected(SECTIONS, given.only)
  const named = selected(SYSTEMS, given.only)
  const systems = SYSTEMS.filter((system) => system.name === 'atoll' || named.includes(system))
  const used = systems.filter(({ name }) => sections.some((each) => each.systems.includes(name)))
  const missing = missingText([...sections, ...used].flatMap(({ needs }) => needs))
  if (missing !== '') console.log(`${missing}\n`)
  const clients = used.some(({ name }) => name !== 'atoll') ? installClients() : null
  if (clients !== null) {
    console.error(clients)
    return 1
  }
  const versions = Object.fromEntries(SYSTEMS.map((each) => [each.name, each.version()] as const))
  const known = Object.entries(versions).filter(
    (each): each is [string, string] => each[1] !== null,
  )
  const outDir = resolve(given.outDir ?? join(tmpdir(), 'bench-results', stamp()))
  const children = new Children()
  children.endWithProcess()
  const { sections: results } = await runSections({
    sections,
    systems,
    environment: environmentOf(given.seed, given.quick, {
      ...Object.fromEntries(known),
      ...clientVersions(),
    }),
    outDir,
    profile: given.profile,
    children,
    print: (text) => console.log(text),
    say: (text) => console.error(`… ${text}`),
  })
  console.log(`\nresults: ${outDir}`)
  return results.some(({ failure }) => failure?.startsWith('failed')) ? 1 : 0
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
