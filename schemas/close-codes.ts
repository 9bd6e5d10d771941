// WebSocket close codes. The number alone tells a client what to do: 4000-4499 reconnect and resume with the last token,
// 4500-4999 give up until something is changed. Standard codes (1000-1999): only 1000 and 1008 mean "do not reconnect".

export const CLOSE_CODES = {
  /** The edge drains before a stop; connect elsewhere at once. */
  DRAINING: 4000,
  /** The client read too slowly and its buffer is full; resume fills what was missed. */
  SLOW_CONSUMER: 4001,
  /** The edge lost a part of the stream; resume fills it. */
  GAP: 4002,
  /** The client answered no heartbeat. */
  HEARTBEAT_MISSED: 4003,
  /** The edge met an unexpected error. */
  INTERNAL: 4004,
  /** The edge is at its connection limit; another may have room. */
  TOO_MANY_CONNECTIONS: 4005,
  /** The credential has expired; connect with a new one. */
  CREDENTIAL_EXPIRED: 4006,
  /** The tenant has all the connections it may have, or connects too often; come back later. */
  TENANT_LIMIT: 4007,
  /** An operator closed it; it may come back and resume. */
  DISCONNECTED: 4010,

  /** A message that is not of the protocol. */
  PROTOCOL: 4500,
  /** A message larger than the limit. */
  MESSAGE_TOO_LARGE: 4501,
  /** More messages a second than the limit. */
  RATE_LIMITED: 4502,
  /** None of the offered subprotocols is spoken here. */
  SUBPROTOCOL: 4503,
  /** No credential came in time, or it is not valid (any more). */
  UNAUTHENTICATED: 4504,
  /** An operator closed it for good. */
  DISCONNECTED_FOR_GOOD: 4510,
} as const;

const FIRST_RESUMABLE = 4000;
const FIRST_FINAL = 4500;
const LAST_FINAL = 4999;

/** True when a client that sees this close code should connect again and resume. */
export function isResumable(closeCode: number): boolean {
  if (closeCode >= FIRST_RESUMABLE && closeCode < FIRST_FINAL) return true;
  if (closeCode >= FIRST_FINAL && closeCode <= LAST_FINAL) return false;
  return closeCode !== 1000 && closeCode !== 1008;
}
