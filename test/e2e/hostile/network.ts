/** Where the daemons of a run live: each has an address, and paths between them may be cut. */
export interface Network {
  readonly name: 'loopback' | 'namespaces'
  /** The command that starts a process there; of the index of a daemon. */
  launcher(index: number): readonly string[]
  listen(index: number): string
  /** From now on nothing that `from` sends reaches `to`. */
  cut(from: number, to: number): void
  heal(): void
  end(): void
}
