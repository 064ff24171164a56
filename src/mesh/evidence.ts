/**
 * What a peer's connections say about its process (src/swim/README.md, evidence). Pure.
 *
 * An open link that ended without a FIN is a reset: reported once, however many links the broken
 * connection carried. A dial that every address refused after that is the kernel's word that the
 * process is gone. Both are over once a link has said hello again.
 */
import type { PeerId } from '../base/ids.ts'
import type { PeerEvidence, RemotePeer } from './mesh.ts'

export class PeerWatch {
  readonly #peer: PeerId
  readonly #emit: (evidence: PeerEvidence) => void
  /** Under which names it last said hello; outlives its links. */
  #known: RemotePeer | null = null
  #links = 0
  /** Since a reset no link has said hello. */
  #lost = false
  #refused = false

  constructor(peer: PeerId, emit: (evidence: PeerEvidence) => void) {
    this.#peer = peer
    this.#emit = emit
  }

  get known(): RemotePeer | null {
    return this.#known
  }

  get connected(): boolean {
    return this.#links > 0
  }

  /** A reset has been reported, and neither a hello nor a refusal since. */
  get inDoubt(): boolean {
    return this.#lost && !this.#refused
  }

  /** True when the hello comes from another run: links of the earlier one are worthless. */
  replaces(remote: RemotePeer): boolean {
    const known = this.#known
    if (known === null) return false
    return known.storageId !== remote.storageId || known.boot !== remote.boot
  }

  greeted(remote: RemotePeer): void {
    const replaced = this.replaces(remote)
    const news = replaced || this.#links === 0 || this.#lost
    this.#known = remote
    this.#links++
    this.#lost = false
    this.#refused = false
    if (replaced) this.#emit({ kind: 'replaced', peer: this.#peer, by: remote })
    if (news) this.#emit({ kind: 'connected', peer: this.#peer, remote })
  }

  /** `broken`: without a word from the other side, and not by us. */
  linkGone(broken: boolean): void {
    this.#links--
    if (!broken || this.#lost) return
    this.#lost = true
    this.#emit({ kind: 'reset', peer: this.#peer })
  }

  /** This side dropped the links to find out whether anybody is there. */
  doubted(): void {
    this.#lost = true
    this.#refused = false
  }

  /** Every known address refused. */
  refused(): void {
    if (!this.inDoubt) return
    this.#refused = true
    this.#emit({ kind: 'refused', peer: this.#peer })
  }
}
