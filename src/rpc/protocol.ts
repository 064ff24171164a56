/** What OpenRPC has no words for, said in `rpc.discover`: enough to write a client from it alone. */
import { VALUE_DEPTH_MAX, VALUE_ELEMENTS_MAX } from '../base/json-value.ts'
import { KEY_BYTES_MAX } from '../base/value.ts'
import { VALUE_BYTES_MAX as REGISTER_VALUE_BYTES_MAX } from '../paxos/limits.ts'
import { VALUE_BYTES_MAX } from '../store/limits.ts'
import { REPLY_BYTES_MAX, RPC_LIMITS } from './limits.ts'

export const PROTOCOL = {
  documentation: 'dist/PROTOCOL.md in the package',
  transport: 'unix socket, mode 0600: whoever can connect may do everything',
  framing:
    'one JSON document a line, UTF-8, ended by a line feed; a line may begin with blanks, empty ' +
    'lines mean nothing',
  requests:
    'JSON-RPC 2.0, parameters by name; pipelined, replies in the order in which calls end; a batch ' +
    'is answered by one array; a request without an id is done and not answered',
  cancel: {
    method: '$/cancelRequest',
    params: [
      '{"id":…}: the call under way with this id; it is answered itself, with CANCELLED or its result',
      '{"subscription":…}: a subscription',
    ],
  },
  values: {
    text: '"blue"',
    bytes: '{"base64":"/wA="}: standard base64 with padding',
    json: 'itself: {"a":1}, [1,2], 5, true, null',
    wrapped:
      '{"json":…}: JSON that is an object with the one key base64, base64text or json; undo it when ' +
      'reading, do it when writing',
    longText:
      '{"base64text":"Ymx1ZQ=="}: text as UTF-8 in base64; in requests only, never in replies',
  },
  notifications: {
    method: 'the name of the method that was subscribed to',
    params: {
      subscription: 'as in the reply to the call, which comes before the first notification',
      seq: 'counts notifications from 1, without holes',
      cursor: 'counts events, missed ones included',
      events: 'each in the form of x-event; may be empty',
      gap: '{"missed":5}, only where events were dropped because the client did not read',
      ended: 'true in the last notification of a subscription, else absent',
      error: 'beside ended: why the daemon ended it, an error object like any other',
    },
  },
  errors: {
    code: 'components.errors; below 0 those of the specification, as -32602 for any wrong parameter',
    data: {
      code: 'the name of the error',
      retryable: 'whether the same call may simply be made again',
      outcome: 'of what was to be changed: applied, not-applied or unknown',
      hint: 'what to do next; may be absent',
      version: 'with CONFLICT on a register: its current version, empty when it has no value',
    },
    withoutId: 'id null: a line that could not be read as a request',
    lostReply: 'the outcome is unknown, never not-applied',
  },
  limits: {
    keyBytes: KEY_BYTES_MAX,
    valueBytes: VALUE_BYTES_MAX,
    registerValueBytes: REGISTER_VALUE_BYTES_MAX,
    valueLevels: VALUE_DEPTH_MAX,
    valueElements: VALUE_ELEMENTS_MAX,
    lineBytes: RPC_LIMITS.lineBytesMax,
    replyBytes: REPLY_BYTES_MAX,
    jsonLevels: RPC_LIMITS.depthMax,
    jsonElements: RPC_LIMITS.elementsMax,
    batch: RPC_LIMITS.batchMax,
    callsUnderWay: RPC_LIMITS.inFlightMax,
    subscriptions: RPC_LIMITS.subscriptionsMax,
    eventsWaiting: RPC_LIMITS.eventsMax,
    connections: RPC_LIMITS.connectionsMax,
  },
} as const
