/** Runs commands in this process, against a fake node behind a real socket. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCli } from '../../src/cli/main.ts'
import { Rig } from '../rpc/rig.ts'

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
  readonly bytes: Uint8Array
}

export class CliRig {
  readonly rig: Rig
  readonly dir = mkdtempSync(join(tmpdir(), 'atoll-cli-'))
  readonly env: Record<string, string> = { XDG_CONFIG_HOME: this.dir, XDG_RUNTIME_DIR: this.dir }

  /** What Ctrl-C would abort. */
  interrupt = new AbortController()

  /** Whether the results are seen by a person. */
  outIsTerminal = false
  errIsTerminal = false

  /** What the end of the reader would abort. */
  unread = new AbortController()

  private constructor(rig: Rig) {
    this.rig = rig
  }

  static async open(): Promise<CliRig> {
    return new CliRig(await Rig.open())
  }

  /** With `--socket` of the fake node. */
  run(...argv: readonly string[]): Promise<Ran> {
    return this.bare('--socket', this.rig.path, ...argv)
  }

  async bare(...argv: readonly string[]): Promise<Ran> {
    return await this.watched(argv, () => undefined)
  }

  /** Tells each piece of output as it comes. */
  async watched(argv: readonly string[], onOut: (text: string) => void): Promise<Ran> {
    const out: Uint8Array[] = []
    let err = ''
    const status = await runCli(argv, {
      name: 'atoll',
      atolld: '/nonexistent',
      env: this.env,
      interrupted: () => this.interrupt.signal,
      streams: {
        out: (data) => {
          out.push(Buffer.from(data))
          onOut(Buffer.from(data).toString('utf8'))
        },
        err: (text) => {
          err += text
        },
        drained: () => Promise.resolve(),
        unread: () => this.unread.signal,
        outIsTerminal: this.outIsTerminal,
        errIsTerminal: this.errIsTerminal,
        columns: 80,
      },
    })
    const bytes = Buffer.concat(out)
    return { status, out: bytes.toString('utf8'), err, bytes }
  }

  async close(): Promise<void> {
    await this.rig.close()
    rmSync(this.dir, { recursive: true, force: true })
  }
}
