/** The machine and process that a node runs in, as the doctor looks at them; read, never changed. */

export interface HostPath {
  /** What it is to the node. */
  readonly kind: 'data directory' | 'secret' | 'socket' | 'socket directory'
  readonly path: string
  /** Permission bits, the sticky bit included. */
  readonly mode: number
}

export interface HostFigures {
  /** null where the system does not tell. */
  readonly openFiles: { readonly now: number; readonly max: number } | null
  /** Of the file system with the data; null without a data directory. */
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null
  /** Those that there are. */
  readonly paths: readonly HostPath[]
}

export interface Host {
  /** `secrets` are names of files in the data directory. Rejects with what the system says. */
  look(secrets: readonly string[]): Promise<HostFigures>
}
