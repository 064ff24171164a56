/** Ends the process when all that it has written is gone: who reads a pipe may be slow. */
export async function exit(status: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength === 0) continue
    // Called with an error as well, when nobody reads any more.
    await new Promise<void>((resolve) => {
      stream.write('', () => resolve())
    })
  }
  process.exit(status)
}
