/** Mutants of the adapters of libp2p, as lines of tables. */
import { describeMutants } from '../mutate.ts'

/** What it does, who notices, the file, the text, what becomes of it. */
export type AdapterMutant<Suite extends string> = readonly [
  name: string,
  suite: Suite,
  tests: RegExp,
  file: string,
  from: string,
  to: string,
]

export function describeAdapterMutants<Suite extends string>(
  title: string,
  mutants: readonly AdapterMutant<Suite>[],
): void {
  describeMutants(
    title,
    mutants.map(([name, suite, tests, file, from, to]) => {
      return { name, suites: [suite], tests, file: `adapters/libp2p-${file}.ts`, from, to }
    }),
  )
}
