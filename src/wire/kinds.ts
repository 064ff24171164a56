/** Numbers of requests on the wire: never reused, never renumbered. */
export const REQUEST_KINDS = {
  /** swim: full state exchange (push-pull). */
  PUSH_PULL: 1,
  /** topology: the newest topology that the asked node knows. */
  TOPOLOGY_GET: 10,
  /** topology: to a root: a replica reports movement, a member wants to go or to remove a disk. */
  TOPOLOGY_REPORT: 11,
  TOPOLOGY_LEAVE: 12,
  TOPOLOGY_REMOVE: 13,
  /** topology: a new one is handed to members, ahead of gossip. */
  TOPOLOGY_PUSH: 14,
  /** topology: between roots, who decide the next one. */
  TOPOLOGY_PREPARE: 15,
  TOPOLOGY_ACCEPT: 16,
  /** topology: to a root: the operator moves a replica; what would be decided next. */
  TOPOLOGY_MOVE: 17,
  TOPOLOGY_OUTLOOK: 18,
  /** store: a coordinator to one replica. */
  KV_READ: 20,
  KV_WRITE: 21,
  KV_SCAN: 22,
  /** store: forwarding by a node that is no replica. */
  KV_COORDINATE_PUT: 23,
  /** store: anti-entropy and movement. */
  KV_SYNC_DIGEST: 24,
  KV_SYNC_KEYS: 25,
  KV_SYNC_PULL: 26,
  KV_SYNC_PUSH: 27,
  KV_SYNC_SUMS: 52,
  /** store: several of the last four in one message. */
  KV_SYNC_MANY: 54,
  /** store: what has changed on a disk, for whoever watches. */
  KV_FEED: 28,
  KV_FEED_ROOTS: 53,
  /** store: collection of what is dead: confirm that it is held so everywhere, then drop it. */
  KV_COLLECT_CONFIRM: 46,
  KV_COLLECT_DROP: 47,
  /** registers: a proposer or reader to one acceptor. */
  REG_PREPARE: 30,
  REG_ACCEPT: 31,
  REG_READ: 32,
  /** registers: an operation handed to whoever proposes for the key. */
  REG_PROPOSE: 33,
  /** registers: movement (seal and list, install) and collection of the deleted. */
  REG_LIST: 34,
  REG_INSTALL: 35,
  REG_REMOVE: 36,
  /** registers: somebody watches keys; one of them may have changed. */
  REG_WATCH: 37,
  REG_HINT: 38,
  /** registers: keys under a prefix. */
  REG_SCAN: 39,
  /** admission: count a use of a ticket at the member that issued it. */
  TICKET_REDEEM: 40,
  TICKET_REVOKE: 41,
  /** registers: what is held of one, for people. */
  REG_INSPECT: 50,
  /** doctor: do you answer, under which version, and what does your clock say. */
  DOCTOR_PING: 60,
  /** doctor: whom of these do you reach now. */
  DOCTOR_REACH: 61,
} as const
