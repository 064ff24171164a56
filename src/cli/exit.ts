/** Ends the process when all that it has written is gone: who reads a pipe may be slow. */
export async function exit(status: number): Promise<never> {
  // A write to a file that failed is told in a moment (terminal.ts), and then the status is another.
  await new Promise((resolve) => setImmediate(resolve))
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength === 0) continue
    // Called with an error as well, when nobody reads any more.
    await new Promise<void>((resolve) => {
      stream.write('', () => resolve())
    })
  }
  process.exit(status)
}
