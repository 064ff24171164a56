/** What the processes of the bare system agree on. */

/** Kinds of a request; its answer bears the same. */
export const WRITE = 0
/** Asks a majority, and nothing of their disks; answered with what was written last. */
export const READ = 1
/** Of three. */
export const MAJORITY = 2
