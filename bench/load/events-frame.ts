// Reads `events` frames without parsing JSON: the numbers of its head, and each event's cursor and timestamp, where
// workers/edge/events-frame.ts writes them. Only for the bench's own events, whose texts contain none of these marks.

const START = Buffer.from('{"type":"events","channel":"');
const CHANNEL_CHARS = 32;
const AT = Buffer.from('{"at":[');
const TIMESTAMP = Buffer.from('"timestamp":');
const COMMA = 0x2c;
const ZERO = 0x30;

export interface EventsHead {
  readonly channel: string;
  readonly partition: number;
  /** ms since 1970: of the oldest record, when the worker published, when the edge sent. */
  readonly recordMs: number;
  readonly publishedMs: number;
  readonly sentMs: number;
}

export const isEventsFrame = (frame: Buffer): boolean =>
  frame.length > START.length && frame.compare(START, 0, START.length, 0, START.length) === 0;

/** @param frame an events frame, or the beginning of one */
export function readHead(frame: Buffer): EventsHead {
  const channel = frame.toString('latin1', START.length, START.length + CHANNEL_CHARS);
  const partitionAt = behind(frame, '"partition":', START.length);
  const timesAt = behind(frame, '"times":[', partitionAt);
  const publishedAt = frame.indexOf(COMMA, timesAt) + 1;
  const sentAt = frame.indexOf(COMMA, publishedAt) + 1;
  return {
    channel,
    partition: numberAt(frame, partitionAt),
    recordMs: numberAt(frame, timesAt),
    publishedMs: numberAt(frame, publishedAt),
    sentMs: numberAt(frame, sentAt),
  };
}

/**
 * Calls `onEvent` for each event of a whole frame.
 *
 * @returns how many there were
 */
export function readEvents(
  frame: Buffer,
  onEvent: (offset: number, index: number, timestampUs: number) => void,
): number {
  let count = 0;
  for (let at = frame.indexOf(AT, START.length); at >= 0; at = frame.indexOf(AT, at)) {
    const offsetAt = at + AT.length;
    const indexAt = frame.indexOf(COMMA, offsetAt) + 1;
    at = frame.indexOf(TIMESTAMP, indexAt) + TIMESTAMP.length;
    if (at < TIMESTAMP.length) throw new Error('an event without a timestamp was delivered');
    onEvent(numberAt(frame, offsetAt), numberAt(frame, indexAt), numberAt(frame, at));
    count++;
  }
  return count;
}

/** Calls `onTimestamp` for each event in whole messages of whatever kind. */
export function readTimestamps(bytes: Buffer, onTimestamp: (timestampUs: number) => void): void {
  for (let at = bytes.indexOf(TIMESTAMP); at >= 0; at = bytes.indexOf(TIMESTAMP, at)) {
    at += TIMESTAMP.length;
    onTimestamp(numberAt(bytes, at));
  }
}

function behind(frame: Buffer, mark: string, from: number): number {
  const at = frame.indexOf(mark, from, 'latin1');
  if (at < 0) throw new Error(`an events frame without ${mark}`);
  return at + mark.length;
}

/** Digits from `p` on; what follows them, also a decimal point, ends the number. */
function numberAt(frame: Buffer, p: number): number {
  let value = 0;
  for (let at = p; ; at++) {
    const digit = (frame[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
}
