/** Bounds of a topology. What is over them is refused, wherever it comes from. */
import { PARTITIONS_MAX } from '../kad/partition.ts'
import { FRAME_BYTES_MAX } from '../seams/network.ts'

export { PARTITIONS_MAX }

export const MEMBERS_MAX = 5000
export const REPLICATION_FACTOR_MAX = 7
export const ROOTS_MAX = 5
/** Storage ids that the operator removed: 27 bytes each, in every topology from then on. */
export const REMOVED_MAX = 4096
/** Former replicas of one partition; over it the partition moves no more. */
export const FORMER_MAX = 64
/** Of all partitions together: two bytes each. Over it nothing moves. */
export const FORMERS_MAX = 262_144
/** Former replicas that are no members. Over it nobody goes from the list of members. */
export const AWAY_MAX = 4096
export const NAME_BYTES_MAX = 256
export const ADDRESSES_MAX = 16
export const ADDRESS_BYTES_MAX = 256
export const CAPACITY_MAX = 1000
/** A topology travels in one frame, with room for the envelope. */
export const TOPOLOGY_BYTES_MAX = FRAME_BYTES_MAX - 4096
