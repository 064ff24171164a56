/**
 * A daemon's node in your program, over its socket: the same interface as `createNode()` gives.
 *
 * It does not reconnect. When the connection is lost, calls end with UNREACHABLE and say what is
 * known of their outcome; connect again.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import './supported-node.ts'
export { AtollError, type ErrorCode, ERRORS, type Outcome } from './base/errors.ts'
export type * from './node/api.ts'
export { connect, type ConnectedNode, type ConnectOptions } from './rpc/connect.ts'
