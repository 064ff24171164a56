/** Bounds of everything that grows or comes from outside. What is over them is refused. */

/** Members held; one more is not taken in. */
export const MEMBERS_MAX = 10_000
/** An incarnation above this is forged: no process lives to refute so often. */
export const INCARNATION_MAX = 2 ** 52
export const BOOT_MAX = 2 ** 32 - 1

export const PEER_ID_BYTES_MAX = 64
export const NAME_BYTES_MAX = 256
export const ADDRESSES_MAX = 16
export const ADDRESS_BYTES_MAX = 256
export const CAPACITY_MAX = 1000
export const TAGS_MAX = 256
export const TAG_KEY_BYTES_MAX = 256
/** All tags of one member together, in UTF-8. */
export const TAGS_BYTES_MAX = 16 * 1024

/** Rumours of one message: bytes we put in, and number that we read. */
export const RUMOUR_BYTES_MAX = 4096
export const RUMOURS_MAX = 64
/** Accusers named in one rumour. */
export const ACCUSATIONS_MAX = 8
/** Members asked about in one message, and records in one answer. */
export const WANTS_MAX = 64
/** Bytes of records in one message of the gossip class. */
export const FACTS_BYTES_MAX = 64 * 1024
/** Bytes of records in one push-pull; the rest is asked for afterwards. */
export const PUSH_PULL_BYTES_MAX = 1024 * 1024

/** Probes in flight: one a period, more only when connections break. */
export const PROBES_MAX = 64
/** Pings on behalf of others in flight. */
export const RELAYS_MAX = 256
/** State exchanges waiting for the one in flight. */
export const EXCHANGES_MAX = 64
/** `leave` says goodbye in person to this many; the others hear by gossip. */
export const GOODBYES_MAX = 256
export const SUBSCRIBERS_MAX = 64
/** Up to this size every member keeps a connection to every other. */
export const FULL_MESH_MAX = 200
