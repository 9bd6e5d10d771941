// Reads the messages of frames.ts from text: a client's with every problem that it has, an edge's with what a client must be
// able to rely on. Runs in browsers too.

import { MdsError, reasonOf } from './errors.ts';
import { type ClientMessage, OVERFLOW_POLICIES, type ServerFrame } from './frames.ts';

/** 128: long enough for any UUID or path a client may use as a name, short enough to echo in every answer. */
const MAX_ID_CHARS = 128;
/** 16 KiB: tokens with many claims have some thousand; more than that is no token. */
export const MAX_CREDENTIAL_CHARS = 16_384;
/** A key of more parts than this is a whole event. */
const MAX_KEY_PATHS = 8;
/** One event in 10 s, and a million a second: below and above, a filter is what is meant. */
const MIN_RATE = 0.1;
const MAX_RATE = 1_000_000;
/** What may be in flight at most is of this order; a client with more sends several messages. */
export const MAX_ACK_CURSORS = 10_000;
export const MAX_REASON_CHARS = 500;

/**
 * Reads what a client sent.
 *
 * @throws MdsError `MDS_FRAME_CORRUPT` (not JSON, or not an object), `MDS_UNKNOWN_MESSAGE_TYPE` or `MDS_REQUEST_INVALID`
 *   (all problems at once)
 */
export function parseClientMessage(text: string): ClientMessage {
  const message = parseObject(text);
  const problems: string[] = [];
  const want = (valid: boolean, problem: string): void => {
    if (!valid) problems.push(problem);
  };
  switch (message.type) {
    case 'subscribe':
      want(isId(message.id), `id must be a string of 1-${MAX_ID_CHARS} characters`);
      want(typeof message.topic === 'string' && message.topic !== '', 'topic must be a non-empty string');
      want(isOptional(message.filter, isString), 'filter must be a string');
      want(isOptional(message.fields, isStringArray), 'fields must be an array of strings');
      want(isOptional(message.resume, isString), 'resume must be a string');
      want(
        isOptional(message.overflow, (value) => OVERFLOW_POLICIES.some((policy) => policy === value)),
        `overflow must be one of ${OVERFLOW_POLICIES.join(', ')}`,
      );
      want(isOptional(message.key, isKey), `key must be an array of 1-${MAX_KEY_PATHS} field paths`);
      want(isOptional(message.maxRate, isRate), `maxRate must be a number from ${MIN_RATE} to ${MAX_RATE}`);
      want(message.overflow !== 'latest' || isKey(message.key), 'overflow "latest" needs a key');
      want(
        message.maxRate === undefined || message.overflow === 'latest' || message.overflow === 'drop',
        'maxRate needs overflow "latest" or "drop", which says what becomes of the rest',
      );
      break;
    case 'consume':
      want(isId(message.id), `id must be a string of 1-${MAX_ID_CHARS} characters`);
      want(isId(message.subscription), `subscription must be a string of 1-${MAX_ID_CHARS} characters`);
      want(isId(message.consumer), `consumer must be a string of 1-${MAX_ID_CHARS} characters`);
      want(
        isOptional(message.maxInFlight, (value) => isCount(value) && value !== 0),
        'maxInFlight must be a whole number from 1',
      );
      break;
    case 'ack':
      want(isId(message.id), `id must be a string of 1-${MAX_ID_CHARS} characters`);
      want(isOptional(message.seq, isCount), 'seq must be a whole number from 0');
      want(isOptional(message.upTo, isCursorList), `upTo must be an array of at most ${MAX_ACK_CURSORS} cursors`);
      want(isOptional(message.cursors, isCursorList), `cursors must be an array of at most ${MAX_ACK_CURSORS} cursors`);
      break;
    case 'nack':
      want(isId(message.id), `id must be a string of 1-${MAX_ID_CHARS} characters`);
      want(isOptional(message.seq, isCount), 'seq must be a whole number from 0');
      want(isCursorList(message.cursors), `cursors must be an array of at most ${MAX_ACK_CURSORS} cursors`);
      want(isOptional(message.delayMs, isCount), 'delayMs must be a whole number from 0');
      want(
        isOptional(message.reason, (value) => isString(value) && value.length <= MAX_REASON_CHARS),
        `reason must be a string of at most ${MAX_REASON_CHARS} characters`,
      );
      break;
    case 'auth':
      want(
        isString(message.credential) && message.credential !== '' && message.credential.length <= MAX_CREDENTIAL_CHARS,
        `credential must be a string of 1-${MAX_CREDENTIAL_CHARS} characters`,
      );
      delete message.id; // it is answered by itself
      break;
    case 'unsubscribe':
      want(isId(message.id), `id must be a string of 1-${MAX_ID_CHARS} characters`);
      break;
    case 'ping':
      want(isOptional(message.id, isId), `id must be a string of 1-${MAX_ID_CHARS} characters`);
      break;
    default:
      throw new MdsError('MDS_UNKNOWN_MESSAGE_TYPE', { type: quoteType(message.type) });
  }
  if (problems.length > 0) throw new MdsError('MDS_REQUEST_INVALID', { problems });
  return message as unknown as ClientMessage; // checked above, field by field
}

/** Short and flat: a client may send anything as a type, even arrays too deep for JSON.stringify. */
const MAX_QUOTED_TYPE_CHARS = 64;
const quoteType = (type: unknown): string =>
  isString(type) ? JSON.stringify(type.slice(0, MAX_QUOTED_TYPE_CHARS)) : `that is not a string but ${typeof type}`;

type Check = (frame: Readonly<Record<string, unknown>>) => boolean;

const FRAME_CHECKS: Readonly<Record<ServerFrame['type'], Check>> = {
  authenticate: (frame) => isCount(frame.withinMs),
  authenticated: (frame) => isShownIdentity(frame),
  welcome: (frame) =>
    isString(frame.connection) &&
    isString(frame.edge) &&
    isCount(frame.heartbeatMs) &&
    isLimits(frame.limits) &&
    isOptional(frame.identity, isShownIdentity),
  subscribed: (frame) =>
    isString(frame.id) &&
    isString(frame.channel) &&
    isString(frame.topic) &&
    isString(frame.filter) &&
    isString(frame.position) &&
    isCount(frame.partitions) &&
    typeof frame.replaying === 'boolean',
  events: (frame) =>
    isString(frame.channel) &&
    isOptional(frame.sub, isString) &&
    isCount(frame.partition) &&
    isCursor(frame.from) &&
    isCursor(frame.to) &&
    isTimes(frame.times) &&
    Array.isArray(frame.events) &&
    frame.events.every(isWireEvent) &&
    isOptional(frame.attempts, isAttempts),
  live: (frame) => isString(frame.id),
  position: (frame) => isString(frame.id) && isString(frame.token),
  gap: (frame) =>
    isString(frame.id) &&
    isCount(frame.partition) &&
    isCursor(frame.from) &&
    isCursor(frame.to) &&
    isString(frame.code) &&
    isString(frame.message),
  consuming: (frame) =>
    isString(frame.id) &&
    isString(frame.subscription) &&
    isString(frame.name) &&
    isString(frame.topic) &&
    isString(frame.filter) &&
    isString(frame.state) &&
    Array.isArray(frame.shards) &&
    frame.shards.every(isCount) &&
    isCount(frame.shardCount) &&
    isCount(frame.ackTimeoutMs) &&
    isCount(frame.maxInFlight) &&
    isOptional(frame.seekRevision, isCount),
  acked: (frame) => isString(frame.id) && isCount(frame.seq),
  shed: (frame) =>
    isString(frame.id) &&
    isCount(frame.partition) &&
    isCursor(frame.from) &&
    isCursor(frame.to) &&
    isCount(frame.count) &&
    isString(frame.reason),
  unsubscribed: (frame) => isString(frame.id),
  pong: (frame) => isOptional(frame.id, isString),
  error: (frame) =>
    isOptional(frame.id, isString) &&
    isString(frame.code) &&
    isString(frame.message) &&
    typeof frame.retryable === 'boolean' &&
    isOptional(frame.details, isObject),
  goodbye: (frame) =>
    isString(frame.code) && isString(frame.message) && isCount(frame.reconnectAfterMs) && isStringArray(frame.edges),
};

/**
 * Reads what an edge sent. Unknown members of a known frame are left alone, so that an edge may add some.
 *
 * @returns null for a frame type this version does not know (to be ignored)
 * @throws MdsError `MDS_FRAME_CORRUPT`
 */
export function parseServerFrame(text: string): ServerFrame | null {
  const frame = parseObject(text);
  const type = frame.type;
  if (typeof type !== 'string') throw new MdsError('MDS_FRAME_CORRUPT', { reason: 'it has no type' });
  if (!isFrameType(type)) return null;
  if (!FRAME_CHECKS[type](frame)) {
    throw new MdsError('MDS_FRAME_CORRUPT', {
      reason: `a member of the ${type} frame is missing or of the wrong type`,
    });
  }
  return frame as unknown as ServerFrame; // checked above
}

const isFrameType = (type: string): type is ServerFrame['type'] => Object.hasOwn(FRAME_CHECKS, type);

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MdsError('MDS_FRAME_CORRUPT', { reason: reasonOf(error) }, { cause: error });
  }
  if (!isObject(value)) throw new MdsError('MDS_FRAME_CORRUPT', { reason: 'it is not a JSON object' });
  return value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isString = (value: unknown): value is string => typeof value === 'string';
const isStringArray = (value: unknown): boolean => Array.isArray(value) && value.every(isString);
const isId = (value: unknown): boolean => isString(value) && value.length > 0 && value.length <= MAX_ID_CHARS;
const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isOptional = (value: unknown, check: (value: unknown) => boolean): boolean => value === undefined || check(value);
/** -1 stands before the first record of a partition. */
const isCursor = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && Number.isSafeInteger(value[0]) && value[0] >= -1 && isCount(value[1]);
const isCursorList = (value: unknown): boolean =>
  Array.isArray(value) && value.length <= MAX_ACK_CURSORS && value.every(isEventCursor);
const isEventCursor = (value: unknown): boolean => Array.isArray(value) && value.length === 3 && value.every(isCount);
const isShownIdentity = (value: unknown): boolean =>
  isObject(value) &&
  isString(value.tenant) &&
  isString(value.subject) &&
  (value.expiresInMs === null || isCount(value.expiresInMs));
const isAttempts = (value: unknown): boolean => Array.isArray(value) && value.every(isCount);
const isKey = (value: unknown): boolean =>
  isStringArray(value) && Array.isArray(value) && value.length > 0 && value.length <= MAX_KEY_PATHS;
const isRate = (value: unknown): boolean => typeof value === 'number' && value >= MIN_RATE && value <= MAX_RATE;
const isLimits = (value: unknown): boolean =>
  isObject(value) && isCount(value.subscriptions) && isCount(value.messageBytes) && isCount(value.messagesPerSecond);
const isTimes = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 3 && value.every((time) => typeof time === 'number');
const isWireEvent = (value: unknown): boolean => isObject(value) && isCursor(value.at) && 'data' in value;
