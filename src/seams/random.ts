/** Chance. The system's is cryptographically strong; the simulator's is a seeded generator. */
export interface Random {
  /** Uniform in [0, 1). */
  float(): number
  /** Uniform integer in [0, bound); bound ≥ 1. */
  int(bound: number): number
  bytes(length: number): Uint8Array
}

/** A uniformly shuffled copy (Fisher–Yates). */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    const a = result[i] as T
    result[i] = result[j] as T
    result[j] = a
  }
  return result
}
